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
    static let all = [heartbeat, pulses, workers, reconcile, forget, assign, release, write, assignments, markLost]

    /// Worker's name, report, incarnation, session limit, capabilities between commas, milliseconds to live.
    static let heartbeat = RedisScript(
        name: "heartbeat",
        source: """
            local key = ARGV[1] .. 'worker:' .. ARGV[2]
            local previous = redis.pcall('HGET', key, 'incarnation')
            if type(previous) == 'table' then redis.call('DEL', key) previous = false end
            redis.call('HSET', key, 'report', ARGV[3], 'incarnation', ARGV[4], 'limit', ARGV[5],
                'capabilities', ARGV[6])
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
                result[#result + 1] = {name, incarnation}
            end
            return result
            """)

    static let workers = RedisScript(
        name: "workers",
        source: """
            local result = {}
            for _, name in ipairs(redis.call('SMEMBERS', ARGV[1] .. 'workers')) do
                local report = redis.pcall('HGET', ARGV[1] .. 'worker:' .. name, 'report')
                if type(report) == 'table' then report = '' end
                local sessions = redis.pcall('SMEMBERS', ARGV[1] .. 'assign:' .. name)
                if sessions.err then sessions = {} end
                result[#result + 1] = {name, report, sessions}
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
            end
            return 1
            """)

    /// Session, controller, epoch floor, count of excluded workers, these, then the capabilities needed.
    /// The choice is that of `Placement.choose`; a test holds the two together.
    static let assign = RedisScript(
        name: "assign",
        source: """
            local prefix, session, controller = ARGV[1], ARGV[2], ARGV[3]
            local key = prefix .. 'session:' .. session
            local record = redis.call('HMGET', key, 'worker', 'incarnation', 'epoch', 'controller', 'state')
            if record[5] == 'assigned' then
                return {record[4] == controller and 'held' or 'conflict', record[1], record[2], record[3], record[4]}
            end
            local excluded, last = {}, 5 + tonumber(ARGV[5])
            for index = 6, last do excluded[ARGV[index]] = true end
            local best, least, chosen, fits = nil, 0, nil, false
            for _, name in ipairs(redis.call('SMEMBERS', prefix .. 'workers')) do
                local fields = redis.pcall('HMGET', prefix .. 'worker:' .. name, 'limit', 'capabilities', 'incarnation')
                local limit = not fields.err and not excluded[name] and tonumber(fields[1] or '')
                if limit and fields[3] then
                    local capable = true
                    for index = last + 1, #ARGV do
                        if not string.find(fields[2] or '', ',' .. ARGV[index] .. ',', 1, true) then capable = false end
                    end
                    local count = redis.pcall('SCARD', prefix .. 'assign:' .. name)
                    if capable and type(count) == 'number' then
                        fits = true
                        if count < limit and (not best or count < least or (count == least and name < best)) then
                            best, least, chosen = name, count, fields[3]
                        end
                    end
                end
            end
            if not best then return {fits and 'full' or 'empty'} end
            local epoch = tonumber(redis.call('HGET', prefix .. 'meta', 'epoch') or '') or 0
            epoch = math.max(epoch, tonumber(ARGV[4]), tonumber(record[3] or '') or 0) + 1
            local text = string.format('%.0f', epoch)
            redis.call('HSET', prefix .. 'meta', 'epoch', text)
            redis.call('HSET', key, 'worker', best, 'incarnation', chosen, 'epoch', text, 'controller', controller,
                'state', 'assigned')
            redis.call('PERSIST', key)
            redis.call('SADD', prefix .. 'assign:' .. best, session)
            return {'assigned', best, chosen, text, controller}
            """)

    /// Session, controller, epoch or nothing, milliseconds that the tombstone stays.
    static let release = RedisScript(
        name: "release",
        source: """
            local key = ARGV[1] .. 'session:' .. ARGV[2]
            local record = redis.call('HMGET', key, 'worker', 'incarnation', 'epoch', 'controller', 'state')
            if not record[1] or record[5] == 'released' then return {'done'} end
            if ARGV[4] ~= '' then
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
            local epoch = tonumber(redis.call('HGET', prefix .. 'meta', 'epoch') or '') or 0
            local lost = {}
            for _, session in ipairs(sessions) do
                local key = prefix .. 'session:' .. session
                local record = redis.pcall('HMGET', key, 'worker', 'incarnation', 'epoch', 'controller', 'state')
                if record.err or record[1] ~= worker or record[5] ~= 'assigned' then
                    redis.call('SREM', set, session)
                elseif record[2] ~= living then
                    epoch = math.max(epoch, tonumber(record[3] or '') or 0) + 1
                    redis.call('HSET', key, 'state', 'lost', 'epoch', string.format('%.0f', epoch))
                    redis.call('PEXPIRE', key, ARGV[3])
                    redis.call('SREM', set, session)
                    if record[4] then
                        local stream = prefix .. 'evt:' .. record[4]
                        redis.pcall('XADD', stream, 'MAXLEN', '~', ARGV[4], '*', 'lost', session,
                            'worker', worker, 'incarnation', record[2] or '', 'epoch', record[3] or '',
                            'controller', record[4])
                        redis.call('PEXPIRE', stream, ARGV[5])
                    end
                    lost[#lost + 1] = {session, record[1], record[2], record[3], record[4]}
                end
            end
            redis.call('HSET', prefix .. 'meta', 'epoch', string.format('%.0f', epoch))
            return {living, lost}
            """)
}
