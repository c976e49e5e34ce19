import Redis

/// The counting of sign-in attempts; the delays come from `SignInThrottle`, the clock is Redis' own.
enum AttemptScripts {
    /// Begins an attempt at an account: refuses it, or counts it.
    /// KEYS: account, account and address, known addresses of the account, event stream.
    /// ARGV: address, delays of the pair, of a known pair, of the account (comma separated seconds), memory in ms,
    /// life of a known address in ms, `gate` when the account's delay holds for every unknown address, `once` when each
    /// waits for itself, event when refused (`@N@` stands for how many refusals it tells of).
    /// Returns {`wait`, ms} or {`go`, 1 when the address is known}.
    static let begin = RedisScript(
        """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local function delay(table, n)
          local last, i = 0, 0
          if n < 1 then return 0 end
          for value in string.gmatch(table, '%d+') do
            i = i + 1
            last = tonumber(value) * 1000
            if i == n then break end
          end
          return last
        end
        local account = redis.call('HMGET', KEYS[1], 'n', 'gen', 'next')
        local pair = redis.call('HMGET', KEYS[2], 'n', 'gen', 'next', 'said', 'more')
        local gen = account[2] or '0'
        local exists = pair[1] and pair[2] == gen
        local failures = exists and tonumber(pair[1]) or 0
        local opens = exists and tonumber(pair[3]) or 0
        local seen = redis.call('ZSCORE', KEYS[3], ARGV[1])
        local known = seen and tonumber(seen) > now - tonumber(ARGV[6])
        local wait = 0
        if opens > now then
          wait = opens - now
        elseif not known and ARGV[7] == 'gate' then
          wait = math.max(0, tonumber(account[3] or 0) - now)
        elseif not known and not exists then
          wait = delay(ARGV[4], tonumber(account[1] or 0))
          if wait > 0 then redis.call('HSET', KEYS[2], 'n', 0, 'gen', gen, 'next', now + wait) end
        end
        if wait > 0 then
          local more = tonumber(pair[5] or 0) + 1
          if now - tonumber(pair[4] or 0) >= 1000 then
            redis.call('XADD', KEYS[4], '*', 'v', (string.gsub(ARGV[8], '"@N@"', tostring(more))))
            redis.call('HSET', KEYS[2], 'said', now, 'more', 0)
          else
            redis.call('HSET', KEYS[2], 'more', more)
          end
          redis.call('PEXPIRE', KEYS[2], ARGV[5])
          return {'wait', wait}
        end
        failures = failures + 1
        redis.call('HSET', KEYS[2], 'n', failures, 'gen', gen,
          'next', now + delay(known and ARGV[3] or ARGV[2], failures))
        redis.call('PEXPIRE', KEYS[2], ARGV[5])
        local total = redis.call('HINCRBY', KEYS[1], 'n', 1)
        if ARGV[7] == 'gate' and not known then
          redis.call('HSET', KEYS[1], 'next', now + delay(ARGV[4], total))
        end
        redis.call('PEXPIRE', KEYS[1], ARGV[5])
        return {'go', known and 1 or 0}
        """)

    /// An attempt succeeded: forgets the failures of the address, and remembers it.
    /// KEYS: as for `begin`. ARGV: address, 1 to remember the address, life of a known address in ms, event or ''.
    static let succeed = RedisScript(
        """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local failures = tonumber(redis.call('HGET', KEYS[2], 'n') or 0)
        redis.call('DEL', KEYS[2])
        if failures > 0 and redis.call('EXISTS', KEYS[1]) == 1 then
          if redis.call('HINCRBY', KEYS[1], 'n', -failures) < 0 then redis.call('HSET', KEYS[1], 'n', 0) end
        end
        if ARGV[2] == '1' then
          redis.call('ZADD', KEYS[3], now, ARGV[1])
          redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - tonumber(ARGV[3]))
          redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -33)
          redis.call('PEXPIRE', KEYS[3], ARGV[3])
        end
        if ARGV[4] ~= '' then redis.call('XADD', KEYS[4], '*', 'v', ARGV[4]) end
        return 1
        """)

    /// Takes back an attempt of which nothing became: nothing was checked. A delay that was set meanwhile stays with the
    /// account, so that attempts taken back cannot be used to shorten it.
    /// Keys that hold nothing any more go: names made up by an address that has to wait must not fill the memory.
    /// KEYS: account, account and address.
    static let undo = RedisScript(
        """
        local pair = redis.call('HMGET', KEYS[2], 'n', 'said')
        local n = tonumber(pair[1] or 0)
        if n > 1 or (n > 0 and pair[2]) then
          redis.call('HSET', KEYS[2], 'n', n - 1, 'next', 0)
        elseif n == 1 then
          redis.call('DEL', KEYS[2])
        end
        local account = redis.call('HMGET', KEYS[1], 'n', 'gen', 'next')
        n = tonumber(account[1] or 0)
        if n > 1 or (n > 0 and (account[2] or account[3])) then
          redis.call('HSET', KEYS[1], 'n', n - 1)
        elseif n == 1 then
          redis.call('DEL', KEYS[1])
        end
        return 1
        """)

    /// Takes back an attempt of an address, which succeeded or was not checked. The delay stays: a success of one's own
    /// now and then must not buy guesses at others. KEYS: address.
    static let undoAddress = RedisScript(
        """
        local n = tonumber(redis.call('HGET', KEYS[1], 'n') or 0)
        if n > 0 then redis.call('HSET', KEYS[1], 'n', n - 1) end
        return 1
        """)

    /// Begins an attempt of an address, over all accounts.
    /// KEYS: address, event stream. ARGV: delays, memory in ms, event when refused.
    static let beginAddress = RedisScript(
        """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local a = redis.call('HMGET', KEYS[1], 'n', 'next', 'said', 'more')
        local wait = tonumber(a[2] or 0) - now
        if wait > 0 then
          local more = tonumber(a[4] or 0) + 1
          if now - tonumber(a[3] or 0) >= 1000 then
            redis.call('XADD', KEYS[2], '*', 'v', (string.gsub(ARGV[3], '"@N@"', tostring(more))))
            redis.call('HSET', KEYS[1], 'said', now, 'more', 0)
          else
            redis.call('HSET', KEYS[1], 'more', more)
          end
          return {'wait', wait}
        end
        local n = redis.call('HINCRBY', KEYS[1], 'n', 1)
        local last, i = 0, 0
        for value in string.gmatch(ARGV[1], '%d+') do
          i = i + 1
          last = tonumber(value) * 1000
          if i == n then break end
        end
        redis.call('HSET', KEYS[1], 'next', now + last)
        redis.call('PEXPIRE', KEYS[1], ARGV[2])
        return {'go'}
        """)

    /// Forgets what was counted against an account, from whatever address. KEYS: account. ARGV: memory in ms.
    static let forgive = RedisScript(
        """
        redis.call('HINCRBY', KEYS[1], 'gen', 1)
        redis.call('HSET', KEYS[1], 'n', 0, 'next', 0)
        redis.call('PEXPIRE', KEYS[1], ARGV[1])
        return 1
        """)
}
