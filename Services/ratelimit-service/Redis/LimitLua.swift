/// What stands at the head of every script: the time, the algorithms, and how limits come in.
///
/// Times are milliseconds since the epoch. All numbers stay below 2^53, where Lua's are exact. Values are packed with fixed
/// widths and carry their sum, so that a decision cuts and joins strings in C and does not walk through lists in Lua.
enum LimitLua {
    /// Where scripts take the time from.
    enum Clock: Sendable {
        /// Redis' own clock.
        case server
        /// The last argument, for comparisons with the pure windows.
        case lastArgument
    }

    static func prelude(_ clock: Clock) -> String {
        let now =
            switch clock {
            case .server:
                """
                local time = redis.call('TIME')
                local now, LINGER = time[1] * 1000 + math.floor(time[2] / 1000), 0
                """
            // Redis' own clock, by which values expire, goes another way.
            case .lastArgument: "local now, LINGER = tonumber(ARGV[#ARGV]), 3600000"
            }
        return now + "\n" + shared + window + exact + bucket + calendar + concurrency + dispatch
    }

    private static let shared = #"""
        local pack, parts, sub, rep = struct.pack, struct.unpack, string.sub, string.rep
        local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min
        local NEVER, MOST, MOST_WIDE = -1, 4294967295, 70368744177664
        local function put(e, value, ends) redis.call('SET', e.key, value, 'PX', max(1, ends - now) + LINGER) end

        """#

    private static let dispatch = #"""
        local algorithms = { w = window, x = exact, b = bucket, c = calendar, n = concurrency }
        local function counter(key, kind, quantity, span, burst, cost, flags, id)
          return {
            key = key, kind = kind, is = algorithms[kind], quantity = quantity, span = span, burst = burst, cost = cost,
            flags = flags, id = id,
          }
        end
        -- Reads the six arguments of a limit from a place on.
        local function entry(key, place, id)
          return counter(key, ARGV[place], tonumber(ARGV[place + 1]), tonumber(ARGV[place + 2]),
            tonumber(ARGV[place + 3]), tonumber(ARGV[place + 4]), tonumber(ARGV[place + 5]), id)
        end
        -- Reads the values of all counters, those in strings together.
        local function load_all(entries)
          local keys, owners = {}, {}
          for _, e in ipairs(entries) do
            if e.kind == 'n' then e.is.load(e) else keys[#keys + 1] = e.key owners[#owners + 1] = e end
          end
          if #keys == 0 then return end
          for place, raw in ipairs(redis.call('MGET', unpack(keys))) do owners[place].is.load(owners[place], raw) end
        end

        """#
}
