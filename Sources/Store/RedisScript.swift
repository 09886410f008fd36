import Session

/// One atomic step of the contract, run by the server.
///
/// `ARGV[1]` is always the prefix of the cluster's keys; all of them share one hash tag, so that they
/// lie on one node of a Redis cluster and a script may name keys that it finds on its way. A record of
/// the wrong type is passed over (`pcall`): it must not stop the others.
struct RedisScript: Sendable {
    var name: String
    var source: String
}

extension RedisScript {
    static let all = [
        heartbeat, pulses, workers, reconcile, forget, assign, release, write, assignments, markLost, drain, undrain,
        endDrains, beat, controllers, adopt, save, claim, forgetRecord, giveUp,
    ]

    /// Worker's name, report, incarnation, session limit, capabilities between commas, milliseconds to live, load in
    /// thousandths of a core, sessions that it shows, reactors, region, labels between commas.
    static let heartbeat = RedisScript(
        name: "heartbeat",
        source: """
            local key = ARGV[1] .. 'worker:' .. ARGV[2]
            local previous = redis.pcall('HGET', key, 'incarnation')
            if type(previous) == 'table' then redis.call('DEL', key) previous = false end
            redis.call('HSET', key, 'report', ARGV[3], 'incarnation', ARGV[4], 'limit', ARGV[5],
                'capabilities', ARGV[6], 'load', ARGV[8], 'settled', ARGV[9], 'reactors', ARGV[10],
                'region', ARGV[11], 'labels', ARGV[12])
            redis.call('PEXPIRE', key, ARGV[7])
            local added = redis.call('SADD', ARGV[1] .. 'workers', ARGV[2])
            return (previous ~= ARGV[4] or added == 1) and 1 or 0
            """)

    static let pulses = RedisScript(
        name: "pulses",
        source: """
            local result = {}
            for _, name in ipairs(redis.call('SMEMBERS', ARGV[1] .. 'workers')) do
                local incarnation = redis.pcall('HGET', ARGV[1] .. 'worker:' .. name, 'incarnation')
                if type(incarnation) == 'table' then incarnation = '' end
                local drain = redis.pcall('HEXISTS', ARGV[1] .. 'drains', name)
                result[#result + 1] = {name, incarnation, drain == 1 and 1 or 0}
            end
            return result
            """)

    static let workers = RedisScript(
        name: "workers",
        source: """
            \(clock)
            local result = {}
            for _, name in ipairs(redis.call('SMEMBERS', ARGV[1] .. 'workers')) do
                local deadline = redis.pcall('HGET', ARGV[1] .. 'drains', name)
                local left = type(deadline) == 'string' and math.max(0, (tonumber(deadline) or 0) - now)
                local report = redis.pcall('HGET', ARGV[1] .. 'worker:' .. name, 'report')
                if type(report) == 'table' then report = '' end
                local sessions = redis.pcall('SMEMBERS', ARGV[1] .. 'assign:' .. name)
                if sessions.err then sessions = {} end
                result[#result + 1] = {name, report, sessions, left}
            end
            return result
            """)

    /// Worker's name, its incarnation, then session, epoch and controller of each session that it holds.
    /// Returns the sessions that it must let go.
    static let reconcile = RedisScript(
        name: "reconcile",
        source: """
            local prefix, worker, incarnation = ARGV[1], ARGV[2], ARGV[3]
            local highest, fenced = 0, {}
            for index = 4, #ARGV, 3 do
                local session, epoch, controller = ARGV[index], tonumber(ARGV[index + 1]), ARGV[index + 2]
                local key = prefix .. 'session:' .. session
                local record = redis.pcall('HMGET', key, 'worker', 'incarnation', 'epoch', 'state')
                if record.err then redis.call('DEL', key) record = {} end
                local known = tonumber(record[3] or '')
                if not known or known < epoch then
                    if record[1] then redis.pcall('SREM', prefix .. 'assign:' .. record[1], session) end
                    redis.call('HSET', key, 'worker', worker, 'incarnation', incarnation, 'epoch', ARGV[index + 1],
                        'controller', controller, 'state', 'assigned')
                    redis.call('HDEL', key, 'life')
                    redis.call('PERSIST', key)
                    redis.call('SADD', prefix .. 'assign:' .. worker, session)
                    if epoch > highest then highest = epoch end
                elseif known > epoch or record[1] ~= worker or record[2] ~= incarnation
                    or record[4] ~= 'assigned' then
                    fenced[#fenced + 1] = session
                else
                    redis.call('SADD', prefix .. 'assign:' .. worker, session)
                end
            end
            local current = tonumber(redis.call('HGET', prefix .. 'meta', 'epoch') or '') or 0
            if highest > current then
                redis.call('HSET', prefix .. 'meta', 'epoch', string.format('%.0f', highest))
            end
            return fenced
            """)

    /// Worker's name.
    static let forget = RedisScript(
        name: "forget",
        source: """
            if redis.call('EXISTS', ARGV[1] .. 'worker:' .. ARGV[2], ARGV[1] .. 'assign:' .. ARGV[2]) == 0 then
                redis.call('SREM', ARGV[1] .. 'workers', ARGV[2])
                redis.call('DEL', ARGV[1] .. 'cmd:' .. ARGV[2])
                redis.pcall('HDEL', ARGV[1] .. 'drains', ARGV[2])
            end
            return 1
            """)

    /// Session, controller, epoch floor, strategy, two random numbers, region, epoch that it is moved from or nothing,
    /// the controller's life, count of excluded workers, these, count of labels, these, then the capabilities needed.
    /// The choice is that of `Placement.choose`; a test holds the two together.
    static let assign = RedisScript(
        name: "assign",
        source: """
            local prefix, session, controller, region = ARGV[1], ARGV[2], ARGV[3], ARGV[8]
            local key = prefix .. 'session:' .. session
            local record = redis.call('HMGET', key, 'worker', 'incarnation', 'epoch', 'controller', 'state', 'life')
            local isLeft = ARGV[9] == '' and ARGV[10] ~= '' and record[6] ~= ARGV[10]
            local isMoved = record[4] == controller and (record[3] == ARGV[9] or isLeft)
            if record[5] == 'assigned' and not isMoved then
                return {record[4] == controller and 'held' or 'conflict', record[1], record[2], record[3], record[4]}
            end
            local excluded, last = {}, 11 + tonumber(ARGV[11])
            for index = 12, last do excluded[ARGV[index]] = true end
            local labels = last + 1 + tonumber(ARGV[last + 1])
            local function has(list, first, final)
                for index = first, final do
                    if not string.find(list or '', ',' .. ARGV[index] .. ',', 1, true) then return false end
                end
                return true
            end
            local open, near, drained, serves = {}, {}, false, false
            for _, name in ipairs(redis.call('SMEMBERS', prefix .. 'workers')) do
                local fields = redis.pcall('HMGET', prefix .. 'worker:' .. name, 'limit', 'capabilities', 'incarnation',
                    'load', 'settled', 'reactors', 'region', 'labels')
                local limit = not fields.err and not excluded[name] and tonumber(fields[1] or '')
                local count = redis.pcall('SCARD', prefix .. 'assign:' .. name)
                if limit and fields[3] and type(count) == 'number' and has(fields[8], last + 2, labels)
                    and has(fields[2], labels + 1, #ARGV) then
                    if redis.pcall('HEXISTS', prefix .. 'drains', name) == 1 then
                        drained = true
                    else
                        serves = true
                        local reserved = math.max(0, count - (tonumber(fields[5] or '') or 0))
                        local reactors = math.max(1, tonumber(fields[6] or '') or 1)
                        local load = (tonumber(fields[4] or '') or 0)
                            + math.floor(reserved * \(Placement.reservedLoad) / reactors)
                        local candidate = {name = name, incarnation = fields[3], count = count, load = load}
                        if count < limit then
                            open[#open + 1] = candidate
                            if region ~= '' and fields[7] == region then near[#near + 1] = candidate end
                        end
                    end
                end
            end
            if #near > 0 then open = near end
            if #open == 0 then return {serves and 'full' or drained and 'draining' or 'empty'} end
            \(choose)
            local epoch = tonumber(redis.call('HGET', prefix .. 'meta', 'epoch') or '') or 0
            epoch = math.max(epoch, tonumber(ARGV[4]), tonumber(record[3] or '') or 0) + 1
            local text = string.format('%.0f', epoch)
            redis.call('HSET', prefix .. 'meta', 'epoch', text)
            redis.call('HSET', key, 'worker', best.name, 'incarnation', best.incarnation, 'epoch', text,
                'controller', controller, 'state', 'assigned', 'life', ARGV[10])
            redis.call('HDEL', key, 'free')
            if isLeft then redis.call('HDEL', key, 'spec') end
            redis.call('PERSIST', key)
            if record[1] then redis.pcall('SREM', prefix .. 'assign:' .. record[1], session) end
            redis.call('SADD', prefix .. 'assign:' .. best.name, session)
            return {'assigned', best.name, best.incarnation, text, controller}
            """)

    /// From `open`, which has at least one candidate, to `best`.
    private static let choose = """
        table.sort(open, function(a, b) return a.name < b.name end)
        local function isFewer(a, b) return a.count < b.count end
        local function isFuller(a, b) return a.count > b.count end
        local function isLighter(a, b)
            if a.load ~= b.load then return a.load < b.load end
            if a.count ~= b.count then return a.count < b.count end
            return a.name < b.name
        end
        local function first(list, isBetter)
            local found = nil
            for _, candidate in ipairs(list) do
                if not found or isBetter(candidate, found) then found = candidate end
            end
            return found
        end
        local best = open[1]
        if ARGV[5] == '\(PlacementStrategy.powerOfTwo.rawValue)' then
            if #open > 1 then
                local one = tonumber(ARGV[6]) % #open
                local two = tonumber(ARGV[7]) % (#open - 1)
                if two >= one then two = two + 1 end
                best = isLighter(open[two + 1], open[one + 1]) and open[two + 1] or open[one + 1]
            end
        elseif ARGV[5] == '\(PlacementStrategy.pack.rawValue)' then
            local cool = {}
            for _, candidate in ipairs(open) do
                if candidate.load < \(Placement.packedLoad) then cool[#cool + 1] = candidate end
            end
            best = first(cool, isFuller) or first(open, isLighter)
        else
            best = first(open, isFewer)
        end
        """

    /// Session, controller, epoch or nothing, milliseconds that the tombstone stays.
    static let release = RedisScript(
        name: "release",
        source: """
            local key = ARGV[1] .. 'session:' .. ARGV[2]
            local record = redis.call('HMGET', key, 'worker', 'incarnation', 'epoch', 'controller', 'state')
            if not record[1] or record[5] == 'released' then return {'done'} end
            if ARGV[4] ~= '' then
                if record[4] ~= ARGV[3] and record[5] == 'assigned' and record[3] == ARGV[4] then
                    return {'conflict', record[1], record[2], record[3], record[4]}
                end
                local isOwnLoss = record[5] == 'lost' and record[4] == ARGV[3]
                if (tonumber(record[3] or '') or 0) > tonumber(ARGV[4]) and not isOwnLoss then
                    return {'stale', record[3]}
                end
            elseif record[4] ~= ARGV[3] then
                return {'conflict', record[1], record[2], record[3], record[4]}
            end
            redis.pcall('SREM', ARGV[1] .. 'assign:' .. record[1], ARGV[2])
            redis.call('HSET', key, 'state', 'released')
            redis.call('HDEL', key, 'spec')
            redis.call('PEXPIRE', key, ARGV[5])
            return {'done'}
            """)

    /// Session, epoch, specification.
    static let write = RedisScript(
        name: "write",
        source: """
            local key = ARGV[1] .. 'session:' .. ARGV[2]
            local record = redis.call('HMGET', key, 'epoch', 'state')
            if not record[1] or record[2] == 'released' then return {'missing'} end
            if record[1] ~= ARGV[3] or record[2] ~= 'assigned' then return {'stale', record[1]} end
            redis.call('HSET', key, 'spec', ARGV[4])
            return {'done'}
            """)

    static let assignments = RedisScript(
        name: "assignments",
        source: """
            local result = {}
            for _, name in ipairs(redis.call('SMEMBERS', ARGV[1] .. 'workers')) do
                local sessions = redis.pcall('SMEMBERS', ARGV[1] .. 'assign:' .. name)
                for _, session in ipairs(sessions.err and {} or sessions) do
                    local record = redis.pcall('HMGET', ARGV[1] .. 'session:' .. session,
                        'worker', 'incarnation', 'epoch', 'controller')
                    if not record.err then
                        result[#result + 1] = {session, record[1], record[2], record[3], record[4]}
                    end
                end
            end
            return result
            """)

    /// Worker's name, milliseconds that lost records stay, length and milliseconds to live of event streams.
    static let markLost = RedisScript(
        name: "markLost",
        source: """
            local prefix, worker = ARGV[1], ARGV[2]
            local living = redis.pcall('HGET', prefix .. 'worker:' .. worker, 'incarnation')
            if type(living) == 'table' then living = false end
            local set = prefix .. 'assign:' .. worker
            local sessions = redis.pcall('SMEMBERS', set)
            if sessions.err then redis.call('DEL', set) sessions = {} end
            table.sort(sessions)
            \(lose)
            for _, session in ipairs(sessions) do
                local record = held(worker, session)
                if record and record[2] ~= living and record[2] ~= ARGV[6] then
                    lose(worker, session, record, 'died', ARGV[3], ARGV[4], ARGV[5])
                end
            end
            redis.call('HSET', prefix .. 'meta', 'epoch', string.format('%.0f', epoch))
            return {living, lost}
            """)

    // MARK: Drains

    /// `now` in milliseconds, by the server's clock: all controllers share it.
    static let clock = """
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
        """

    /// Worker's name, milliseconds until it is to be empty.
    static let drain = RedisScript(
        name: "drain",
        source: """
            if redis.call('SISMEMBER', ARGV[1] .. 'workers', ARGV[2]) == 0 then return 0 end
            \(clock)
            redis.call('HSET', ARGV[1] .. 'drains', ARGV[2], string.format('%.0f', now + tonumber(ARGV[3])))
            return 1
            """)

    /// Worker's name.
    static let undrain = RedisScript(
        name: "undrain",
        source: """
            redis.call('HDEL', ARGV[1] .. 'drains', ARGV[2])
            return redis.call('SISMEMBER', ARGV[1] .. 'workers', ARGV[2])
            """)

    /// Sessions of one worker at most, milliseconds that lost records stay, length and milliseconds to live of event
    /// streams.
    static let endDrains = RedisScript(
        name: "endDrains",
        source: """
            local prefix = ARGV[1]
            local drains = redis.pcall('HGETALL', prefix .. 'drains')
            if drains.err or #drains == 0 then return {} end
            \(clock)
            \(lose)
            for index = 1, #drains, 2 do
                local worker = drains[index]
                if (tonumber(drains[index + 1]) or 0) <= now then
                    local sessions = redis.pcall('SMEMBERS', prefix .. 'assign:' .. worker)
                    if sessions.err then sessions = {} end
                    table.sort(sessions)
                    local before = #lost
                    for _, session in ipairs(sessions) do
                        if #lost - before >= tonumber(ARGV[2]) then break end
                        local record = held(worker, session)
                        if record then lose(worker, session, record, 'drained', ARGV[3], ARGV[4], ARGV[5]) end
                    end
                end
            end
            redis.call('HSET', prefix .. 'meta', 'epoch', string.format('%.0f', epoch))
            return lost
            """)

    /// `held` gives the record of a session that is the worker's, `lose` takes it from it, raises `epoch`, tells the
    /// session's controller and notes it in `lost`.
    private static let lose = """
        local epoch = tonumber(redis.call('HGET', prefix .. 'meta', 'epoch') or '') or 0
        local lost = {}
        local function held(worker, session)
            local record = redis.pcall('HMGET', prefix .. 'session:' .. session,
                'worker', 'incarnation', 'epoch', 'controller', 'state')
            if not record.err and record[1] == worker and record[5] == 'assigned' then return record end
            redis.call('SREM', prefix .. 'assign:' .. worker, session)
            return nil
        end
        local function lose(worker, session, record, why, lifetime, length, streamLifetime)
            local key = prefix .. 'session:' .. session
            epoch = math.max(epoch, tonumber(record[3] or '') or 0) + 1
            redis.call('HSET', key, 'state', 'lost', 'epoch', string.format('%.0f', epoch))
            redis.call('PEXPIRE', key, lifetime)
            redis.call('SREM', prefix .. 'assign:' .. worker, session)
            if record[4] then
                local stream = prefix .. 'evt:' .. record[4]
                redis.pcall('XADD', stream, 'MAXLEN', '~', length, '*', 'lost', session, 'worker', worker,
                    'incarnation', record[2] or '', 'epoch', record[3] or '', 'controller', record[4], 'why', why)
                redis.call('PEXPIRE', stream, streamLifetime)
            end
            lost[#lost + 1] = {session, record[1], record[2], record[3], record[4]}
        end
        """
}
