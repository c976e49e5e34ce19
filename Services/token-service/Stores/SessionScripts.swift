import Redis

/// The Redis scripts of a session's life. Each is one atomic step; every key that one touches shares the hash tag of
/// the subject. Times are Redis' own, in milliseconds, except those that are compared with SQL.
enum SessionScripts {
    /// Creates a session under its owner's limit.
    /// KEYS: session, index of the subject, pending evictions, event stream.
    /// ARGV: session id, subject, limit (0: none), `oldest`/`refuse`, sliding life in ms, absolute life in ms,
    /// prefix of session keys, event when created, event when refused, then field, value, ...
    /// Returns {`ok`, evicted session ids...} or {`refused`}.
    static let create = RedisScript(
        """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local limit = tonumber(ARGV[3])
        local answer = {'ok'}
        if limit > 0 then
          local count = redis.call('ZCARD', KEYS[2])
          if count >= limit then
            for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
              if redis.call('EXISTS', ARGV[7] .. id) == 0 then
                redis.call('ZREM', KEYS[2], id)
                count = count - 1
              end
            end
          end
          if count >= limit and ARGV[4] == 'refuse' then
            redis.call('XADD', KEYS[4], '*', 'v', ARGV[9])
            return {'refused'}
          end
          while count >= limit do
            local oldest = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
            redis.call('DEL', ARGV[7] .. oldest)
            redis.call('ZREM', KEYS[2], oldest)
            redis.call('ZADD', KEYS[3], now, oldest .. ' ' .. ARGV[2] .. ' session_limit')
            answer[#answer + 1] = oldest
            count = count - 1
          end
        end
        redis.call('HSET', KEYS[1], 'created', now, 'used', now, 'end', now + tonumber(ARGV[6]), unpack(ARGV, 10))
        redis.call('PEXPIRE', KEYS[1], ARGV[5])
        redis.call('ZADD', KEYS[2], now, ARGV[1])
        redis.call('PEXPIRE', KEYS[2], ARGV[6])
        redis.call('XADD', KEYS[4], '*', 'v', ARGV[8])
        return answer
        """)

    /// Uses a refresh token.
    /// KEYS: session, pending revocations, event stream. (The index is found by the subject that the session names.)
    /// ARGV: session id, generation presented, client id, binding, fingerprint of the request, grace in ms, sliding
    /// life in ms, prefix of index keys, event when refreshed, then, when asked for by `tell`: event when reused, event
    /// when the client or its key is another (told once a second, `@N@` for how many refusals it tells of).
    /// Returns {`ok`|`repeat`|`repaired`, generation of the successor, field values...}, {`gone`}, {`mismatch`},
    /// {`reused`, subject}, or {`tell`}: nothing is changed, the script is to be run again with all events.
    static let refresh = RedisScript(
        """
        local s = redis.call('HMGET', KEYS[1], 'gen', 'cid', 'bind', 'turned', 'print', 'end',
          'sub', 'auth', 'amr', 'acr', 'dev', 'epoch', 'self')
        if not s[1] then return {'gone'} end
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        if s[2] ~= ARGV[3] or (s[3] or '') ~= ARGV[4] then
          if not ARGV[11] then return {'tell'} end
          local told = redis.call('HMGET', KEYS[1], 'said', 'more')
          local more = tonumber(told[2] or 0) + 1
          if now - tonumber(told[1] or 0) >= 1000 then
            redis.call('XADD', KEYS[3], '*', 'v', (string.gsub(ARGV[11], '"@N@"', tostring(more))))
            redis.call('HSET', KEYS[1], 'said', now, 'more', 0)
          else
            redis.call('HSET', KEYS[1], 'more', more)
          end
          return {'mismatch'}
        end
        local left = tonumber(s[6]) - now
        if left <= 0 then
          redis.call('DEL', KEYS[1])
          return {'gone'}
        end
        local current = tonumber(s[1])
        local presented = tonumber(ARGV[2])
        local outcome = 'ok'
        if presented < current then
          if presented == current - 1 and s[5] == ARGV[5] and now - tonumber(s[4] or 0) <= tonumber(ARGV[6]) then
            return {'repeat', current, unpack(s, 7)}
          end
          if not ARGV[10] then return {'tell'} end
          local subject = s[7]
          redis.call('DEL', KEYS[1])
          redis.call('ZREM', ARGV[8] .. subject, ARGV[1])
          redis.call('ZADD', KEYS[2], now, ARGV[1] .. ' ' .. subject .. ' refresh_reuse')
          redis.call('XADD', KEYS[3], '*', 'v', ARGV[10])
          return {'reused', subject}
        end
        if presented > current then outcome = 'repaired' end
        local successor = presented + 1
        redis.call('HSET', KEYS[1], 'gen', successor, 'turned', now, 'print', ARGV[5], 'used', now)
        redis.call('PEXPIRE', KEYS[1], math.min(tonumber(ARGV[7]), left))
        redis.call('XADD', KEYS[3], '*', 'v', ARGV[9])
        return {outcome, successor, unpack(s, 7)}
        """)

    /// Ends sessions. KEYS: the first session. ARGV: prefix of session keys, prefix of index keys, ids...
    static let end = RedisScript(
        """
        local ended = 0
        for i = 3, #ARGV do
          local subject = redis.call('HGET', ARGV[1] .. ARGV[i], 'sub')
          if subject then
            redis.call('ZREM', ARGV[2] .. subject, ARGV[i])
            ended = ended + redis.call('DEL', ARGV[1] .. ARGV[i])
          end
        end
        return ended
        """)

    /// Ends every session of a subject. KEYS: index. ARGV: prefix of session keys.
    static let endAll = RedisScript(
        """
        local ids = redis.call('ZRANGE', KEYS[1], 0, -1)
        for _, id in ipairs(ids) do redis.call('DEL', ARGV[1] .. id) end
        redis.call('DEL', KEYS[1])
        return ids
        """)

    /// Notes with every session of a subject up to when its tokens are void. KEYS: index. ARGV: prefix, instant.
    static let voidTokens = RedisScript(
        """
        for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
          if redis.call('EXISTS', ARGV[1] .. id) == 1 then redis.call('HSET', ARGV[1] .. id, 'void', ARGV[2]) end
        end
        return 1
        """)

    /// Lists the sessions of a subject, newest first. KEYS: index. ARGV: prefix of session keys.
    static let list = RedisScript(
        """
        local answer = {}
        for _, id in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, -1)) do
          local s = redis.call('HMGET', ARGV[1] .. id, 'created', 'used', 'cid', 'dev', 'addr', 'agent', 'bind', 'end')
          if s[1] then
            table.insert(s, 1, id)
            answer[#answer + 1] = s
          end
        end
        return answer
        """)
}
