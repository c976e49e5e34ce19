import Redis

/// The scripts by which a relay works on its own keys, all under one hash tag.
///
/// `meta` holds: `fence` and `holder` of the lease, `epoch`, `run` (the server's run id when the epoch began), `done`
/// (the last entry of `assigned` that is published) and `t:<tag>` (the last entry moved from that tag's stream).
enum RedisOutboxScripts {
    /// Refuses whoever does not hold the lease, and whoever counts on numbers that Redis may have forgotten: a server
    /// that was restarted or replaced may have lost the last of them. KEYS[1] = meta, ARGV = holder, fence, epoch.
    private static let guardLine = """
        local m = redis.call('HMGET', KEYS[1], 'holder', 'fence', 'epoch', 'run')
        if m[1] ~= ARGV[1] or m[2] ~= ARGV[2] then return redis.error_reply('FENCED') end
        local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
        if m[3] ~= ARGV[3] or m[4] ~= run then return redis.error_reply('EPOCH') end

        """

    /// KEYS: lease, meta. ARGV: holder, milliseconds. Returns the fencing number, 0 when another has the lease.
    static let acquire = RedisScript(
        """
        local holder = redis.call('GET', KEYS[1])
        if holder and holder ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        if holder and redis.call('HGET', KEYS[2], 'holder') == ARGV[1] then
            return tonumber(redis.call('HGET', KEYS[2], 'fence'))
        end
        redis.call('HSET', KEYS[2], 'holder', ARGV[1])
        return redis.call('HINCRBY', KEYS[2], 'fence', 1)
        """)

    /// KEYS: lease, meta. ARGV: holder, milliseconds, fence. Returns 1, or 0 when the lease is gone.
    static let renew = RedisScript(
        """
        if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('HGET', KEYS[2], 'fence') ~= ARGV[3] then return 0 end
        return redis.call('PEXPIRE', KEYS[1], ARGV[2])
        """)

    /// KEYS: lease. ARGV: holder.
    static let release = RedisScript(
        "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0")

    /// KEYS: meta, sequences. ARGV: holder, fence. Begins a new epoch where the numbers given may have been lost.
    /// Returns the epoch, the last published entry, and pairs of topic and last number.
    static let open = RedisScript(
        """
        local m = redis.call('HMGET', KEYS[1], 'holder', 'fence', 'epoch', 'run', 'done')
        if m[1] ~= ARGV[1] or m[2] ~= ARGV[2] then return redis.error_reply('FENCED') end
        local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
        local epoch = m[3]
        if not epoch or m[4] ~= run then
            local now = redis.call('TIME')
            local begun = now[1] * 1000 + math.floor(now[2] / 1000)
            if epoch and tonumber(epoch) >= begun then begun = tonumber(epoch) + 1 end
            epoch = string.format('%.0f', begun)
            redis.call('HSET', KEYS[1], 'epoch', epoch, 'run', run)
            redis.call('DEL', KEYS[2])
        end
        return {epoch, m[5] or '0-0', redis.call('HGETALL', KEYS[2])}
        """)

    /// KEYS: meta, sequences, assigned. ARGV: holder, fence, epoch, then for each stream: tag, the entry that was last
    /// moved when the stream was read, the one that is the last now, the number of entries, and topic and event of each.
    /// A stream that somebody else has moved on meanwhile is left alone. Returns the number of entries moved.
    static let move = RedisScript(
        guardLine + """
            local moved, at = 0, 4
            while ARGV[at] do
                local field, count = 't:' .. ARGV[at], tonumber(ARGV[at + 3])
                local expected = redis.call('HGET', KEYS[1], field) or '0-0'
                if expected == ARGV[at + 1] then
                    for i = 0, count - 1 do
                        local topic, event = ARGV[at + 4 + 2 * i], ARGV[at + 5 + 2 * i]
                        local seq = redis.call('HINCRBY', KEYS[2], topic, 1)
                        redis.call('XADD', KEYS[3], '*', 'e', ARGV[3], 's', seq, 't', topic, 'v', event)
                        moved = moved + 1
                    end
                    redis.call('HSET', KEYS[1], field, ARGV[at + 2])
                end
                at = at + 4 + 2 * count
            end
            return moved
            """)

    /// KEYS: meta, positions. ARGV: holder, fence, epoch, last published entry, then pairs of partition and position.
    static let confirm = RedisScript(
        guardLine + """
            redis.call('HSET', KEYS[1], 'done', ARGV[4])
            for i = 5, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
            return 1
            """)

    /// KEYS: meta, assigned. Returns how many entries, up to 10,000, have a number and are not published.
    static let waiting = RedisScript(
        """
        local done = redis.call('HGET', KEYS[1], 'done') or '0-0'
        return #redis.call('XRANGE', KEYS[2], '(' .. done, '+', 'COUNT', 10000)
        """)

    /// KEYS: meta, positions. ARGV: holder, fence, epoch. Everything that is kept counts as not published.
    static let republish = RedisScript(
        guardLine + """
            redis.call('HSET', KEYS[1], 'done', '0-0')
            redis.call('DEL', KEYS[2])
            return 1
            """)

    /// KEYS: meta, assigned. ARGV: holder, fence, epoch, oldest entry to keep, most entries to keep, most to delete at
    /// once. Deletes published entries that are too old or too many.
    static let prune = RedisScript(
        guardLine + """
            local done = redis.call('HGET', KEYS[1], 'done') or '0-0'
            local excess = redis.call('XLEN', KEYS[2]) - tonumber(ARGV[5])
            local deleted = 0
            local function older(a, b)
                local am, as = string.match(a, '(%d+)-(%d+)')
                local bm, bs = string.match(b, '(%d+)-(%d+)')
                if tonumber(am) ~= tonumber(bm) then return tonumber(am) < tonumber(bm) end
                return tonumber(as) < tonumber(bs)
            end
            for _, entry in ipairs(redis.call('XRANGE', KEYS[2], '-', done, 'COUNT', ARGV[6])) do
                if deleted >= excess and not older(entry[1], ARGV[4]) then break end
                redis.call('XDEL', KEYS[2], entry[1])
                deleted = deleted + 1
            end
            return deleted
            """)
}
