// Controllers' leases, what they remember, and who takes over from whom.
extension RedisScript {
    /// Controller's name, incarnation, report, milliseconds to live, milliseconds for which dead ones are listed.
    static let beat = RedisScript(
        name: "beat",
        source: """
            \(clock)
            local key, list = ARGV[1] .. 'ctl:' .. ARGV[2], ARGV[1] .. 'controllers'
            local holder = redis.pcall('HGET', key, 'incarnation')
            if type(holder) == 'table' then redis.call('DEL', key) holder = false end
            local taken = holder and holder ~= ARGV[3]
            if not taken then
                redis.call('HSET', key, 'incarnation', ARGV[3], 'report', ARGV[4])
                redis.call('PEXPIRE', key, ARGV[5])
                redis.call('ZADD', list, now, ARGV[2])
            end
            redis.call('ZREMRANGEBYSCORE', list, '-inf', now - tonumber(ARGV[6]))
            local result = {}
            for _, name in ipairs(redis.call('ZRANGE', list, 0, -1)) do
                local report = redis.pcall('HGET', ARGV[1] .. 'ctl:' .. name, 'report')
                if type(report) == 'table' then report = false end
                result[#result + 1] = {name, report}
            end
            return {taken and 1 or 0, result}
            """)

    /// Those that live, with their reports.
    static let controllers = RedisScript(
        name: "controllers",
        source: """
            local result = {}
            for _, name in ipairs(redis.call('ZRANGE', ARGV[1] .. 'controllers', 0, -1)) do
                local report = redis.pcall('HGET', ARGV[1] .. 'ctl:' .. name, 'report')
                if type(report) == 'string' then result[#result + 1] = {name, report} end
            end
            return result
            """)

    /// `mayTake(owner)`: nobody, the caller, or a controller that is dead.
    private static func mayTake(_ caller: String) -> String {
        """
        local function mayTake(owner)
            return not owner or owner == '' or owner == \(caller)
                or redis.call('EXISTS', ARGV[1] .. 'ctl:' .. owner) == 0
        end
        """
    }

    /// Controller's name, then sessions.
    static let adopt = RedisScript(
        name: "adopt",
        source: """
            \(mayTake("ARGV[2]"))
            local found = {}
            for index = 3, #ARGV do
                local key = ARGV[1] .. 'session:' .. ARGV[index]
                local record = redis.call('HMGET', key, 'worker', 'incarnation', 'epoch', 'controller', 'state', 'spec',
                    'free')
                if record[1] and record[5] ~= 'released' then
                    if not record[7] and not mayTake(record[4]) then
                        return {'conflict', ARGV[index], record[1], record[2], record[3], record[4]}
                    end
                    found[#found + 1] = {ARGV[index], record[1], record[2], record[3], record[4], record[5], record[6]}
                end
            end
            for _, entry in ipairs(found) do
                local key = ARGV[1] .. 'session:' .. entry[1]
                redis.call('HSET', key, 'controller', ARGV[2])
                redis.call('HDEL', key, 'free')
            end
            return {'done', found}
            """)

    /// Record, controller, term or nothing, most bytes, milliseconds to live, 1 for a whole record, count of texts to
    /// take out, their names, then names and texts.
    static let save = RedisScript(
        name: "save",
        source: """
            \(mayTake("ARGV[3]"))
            local key = ARGV[1] .. 'sig:' .. ARGV[2]
            local record = redis.call('HMGET', key, '@controller', '@term', '@size')
            local term = ARGV[4]
            if term ~= '' then
                if not record[2] then return {'missing'} end
                if record[2] ~= term or record[1] ~= ARGV[3] then return {'stale', record[2]} end
            else
                if record[2] and not mayTake(record[1]) then return {'held', record[1]} end
                term = string.format('%.0f', redis.call('HINCRBY', ARGV[1] .. 'meta', 'term', 1))
            end
            local whole = ARGV[7] == '1' or ARGV[4] == ''
            local first = 9 + tonumber(ARGV[8])
            local size = whole and 0 or tonumber(record[3] or '') or 0
            for index = 9, first - 1 do size = size - (whole and 0 or redis.call('HSTRLEN', key, ARGV[index])) end
            for index = first, #ARGV, 2 do
                size = size + #ARGV[index + 1] - (whole and 0 or redis.call('HSTRLEN', key, ARGV[index]))
            end
            if size > tonumber(ARGV[5]) then return {'large'} end
            if whole then redis.call('DEL', key) end
            for index = 9, first - 1 do redis.call('HDEL', key, ARGV[index]) end
            for index = first, #ARGV, 2 do redis.call('HSET', key, ARGV[index], ARGV[index + 1]) end
            redis.call('HSET', key, '@controller', ARGV[3], '@term', term, '@size', string.format('%.0f', size))
            redis.call('PEXPIRE', key, ARGV[6])
            return {'done', term}
            """)

    /// Record, controller, milliseconds to live, length and milliseconds to live of event streams.
    static let claim = RedisScript(
        name: "claim",
        source: """
            \(mayTake("ARGV[3]"))
            local key = ARGV[1] .. 'sig:' .. ARGV[2]
            local record = redis.call('HMGET', key, '@controller', '@term')
            if not record[2] then return {'missing'} end
            if not mayTake(record[1]) then
                local stream = ARGV[1] .. 'evt:' .. record[1]
                redis.pcall('XADD', stream, 'MAXLEN', '~', ARGV[5], '*', 'wanted', ARGV[2], 'by', ARGV[3])
                redis.call('PEXPIRE', stream, ARGV[6])
                return {'held', record[1]}
            end
            local term = string.format('%.0f', redis.call('HINCRBY', ARGV[1] .. 'meta', 'term', 1))
            redis.call('HSET', key, '@controller', ARGV[3], '@term', term)
            redis.call('PEXPIRE', key, ARGV[4])
            return {'done', term, record[1] or '', redis.call('HGETALL', key)}
            """)

    /// Record, controller, term.
    static let forgetRecord = RedisScript(
        name: "forgetRecord",
        source: """
            local key = ARGV[1] .. 'sig:' .. ARGV[2]
            local record = redis.call('HMGET', key, '@controller', '@term')
            if record[1] == ARGV[3] and record[2] == ARGV[4] then redis.call('DEL', key) end
            return 1
            """)

    /// Controller, count of sessions, these, then records and their terms.
    static let giveUp = RedisScript(
        name: "giveUp",
        source: """
            local first = 4 + tonumber(ARGV[3])
            for index = 4, first - 1 do
                local key = ARGV[1] .. 'session:' .. ARGV[index]
                if redis.call('HGET', key, 'controller') == ARGV[2] then redis.call('HSET', key, 'free', '1') end
            end
            for index = first, #ARGV, 2 do
                local key = ARGV[1] .. 'sig:' .. ARGV[index]
                local record = redis.call('HMGET', key, '@controller', '@term')
                if record[1] == ARGV[2] and record[2] == ARGV[index + 1] then
                    redis.call('HSET', key, '@controller', '')
                end
            end
            return 1
            """)
}
