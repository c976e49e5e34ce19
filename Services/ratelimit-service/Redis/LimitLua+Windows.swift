/// The arithmetic of limits in Lua, the same as `RateLimits/Windows` has it.
///
/// An algorithm has: `load(e, raw)`; `room(e, ahead)`, what still fits when it may be spent until `ahead` milliseconds later;
/// `add(e, n, at)`, which counts or (negative) takes back what was counted at an instant and says what changed; `save`;
/// `reset` and `retry`, which say in how many milliseconds there is more room, or room for a cost.
extension LimitLua {
    /// Value: bytes a count has (1), number of the first sub-window (6), sum (7), and a count for each sub-window from the
    /// first on: of 4 bytes, or of 7 for quantities beyond that. A count that is capped is above the quantity, so nothing is
    /// admitted then, as it would not be without the cap.
    static let window = #"""
        local window = {}
        function window.load(e, raw)
          e.step = max(1, floor(e.span / 50))
          e.index = floor(now / e.step)
          e.width = e.quantity > MOST and 7 or 4
          e.first, e.sum, e.counts = nil, 0, ''
          if raw then
            local width, start, sum = parts('<I1I6I7', raw)
            local form, from, final = '<I' .. width, 15, #raw
            -- Further ahead than leases reach only when the clock was put back by more than a window.
            while final >= from and start + (final - 14) / width - 1 > e.index + 50 do
              sum = sum - parts(form, raw, final - width + 1)
              final = final - width
            end
            while from <= final do
              local count = parts(form, raw, from)
              if count > 0 and start >= e.index - 50 then break end
              sum, start, from = sum - count, start + 1, from + width
            end
            if from <= final then
              e.first, e.sum, e.counts = start, sum, sub(raw, from, final)
              if width < e.width then
                local wide = {}
                for place = 1, #e.counts, width do wide[#wide + 1] = pack('<I7', (parts(form, e.counts, place))) end
                e.counts = table.concat(wide)
              else
                e.width = width
              end
            end
          end
          e.form, e.most = '<I' .. e.width, e.width == 4 and MOST or MOST_WIDE
        end
        function window.room(e) return e.quantity - e.sum end
        function window.add(e, n, at)
          local index, width = min(floor(at / e.step), e.index + 50), e.width
          if n < 0 and not e.first then return 0 end
          if n > 0 and index < e.index - 50 then return 0 end
          if not e.first then
            n = min(n, e.most)
            e.first, e.sum, e.counts = index, n, pack(e.form, n)
            return n
          end
          local offset, length = index - e.first, #e.counts / width
          if n < 0 and (offset < 0 or offset >= length) then return 0 end
          if offset < 0 then
            e.counts = rep('\0', -offset * width) .. e.counts
            e.first, length, offset = index, length - offset, 0
          elseif offset >= length then
            e.counts = e.counts .. rep('\0', (offset - length + 1) * width)
          end
          local place = offset * width
          local count = parts(e.form, e.counts, place + 1)
          local new = min(max(count + n, 0), e.most)
          e.counts = sub(e.counts, 1, place) .. pack(e.form, new) .. sub(e.counts, place + width + 1)
          e.sum = e.sum + new - count
          return new - count
        end
        function window.save(e)
          if e.sum <= 0 then redis.call('DEL', e.key) return end
          local last = e.first + #e.counts / e.width - 1
          put(e, pack('<I1I6I7', e.width, e.first, e.sum) .. e.counts, (last + 51) * e.step)
        end
        function window.reset(e) return e.sum > 0 and (e.first + 51) * e.step - now or 0 end
        function window.retry(e, cost)
          if cost > e.quantity then return NEVER end
          local sum, index = e.sum, e.first
          for place = 1, #e.counts, e.width do
            sum = sum - parts(e.form, e.counts, place)
            if sum + cost <= e.quantity then return (index + 51) * e.step - now end
            index = index + 1
          end
          return 0
        end

        """#

    /// Value: sum (7 bytes), then time (6 bytes) and cost (4 bytes) of each admission, the oldest first.
    static let exact = #"""
        local exact = {}
        function exact.load(e, raw)
          e.sum, e.log = 0, ''
          if not raw then return end
          local sum, from, final = parts('<I7', raw), 8, #raw
          while from <= final do
            local time, cost = parts('<I6I4', raw, from)
            if time > now - e.span then break end
            sum, from = sum - cost, from + 10
          end
          while from <= final do
            local time, cost = parts('<I6I4', raw, final - 9)
            if time <= now + e.span then break end
            sum, final = sum - cost, final - 10
          end
          if from <= final then e.sum, e.log = sum, sub(raw, from, final) end
        end
        function exact.room(e) return e.quantity - e.sum end
        function exact.add(e, n, at)
          at = min(at, now + e.span)
          if at <= now - e.span then return 0 end
          -- From the end: the place is there, or close to it.
          local place = #e.log
          while place > 0 do
            local time, cost = parts('<I6I4', e.log, place - 9)
            if time == at then
              local new = min(max(cost + n, 0), MOST)
              e.log = sub(e.log, 1, place - 10) .. (new > 0 and pack('<I6I4', at, new) or '') .. sub(e.log, place + 1)
              e.sum = e.sum + new - cost
              return new - cost
            end
            if time < at then break end
            place = place - 10
          end
          if n < 0 then return 0 end
          n = min(n, MOST)
          e.log = sub(e.log, 1, place) .. pack('<I6I4', at, n) .. sub(e.log, place + 1)
          e.sum = e.sum + n
          return n
        end
        function exact.save(e)
          if e.sum <= 0 then redis.call('DEL', e.key) return end
          put(e, pack('<I7', e.sum) .. e.log, parts('<I6', e.log, #e.log - 9) + e.span)
        end
        function exact.reset(e) return e.log ~= '' and parts('<I6', e.log) + e.span - now or 0 end
        function exact.retry(e, cost)
          if cost > e.quantity then return NEVER end
          local sum = e.sum
          for place = 1, #e.log, 10 do
            local time, spent = parts('<I6I4', e.log, place)
            sum = sum - spent
            if sum + cost <= e.quantity then return time + e.span - now end
          end
          return 0
        end

        """#

    /// GCRA, in units of 1 / quantity of a millisecond, in which a permit is the span. Value: the instant at which the bucket
    /// is full again, as whole milliseconds (8 bytes) and a numerator over the quantity (8 bytes).
    static let bucket = #"""
        local bucket = {}
        function bucket.load(e, raw)
          e.capacity, e.debt, e.full = e.burst * e.span, 0, 0
          if not raw then return end
          local whole, part = parts('<I8I8', raw)
          e.full = whole
          if whole < now then return end
          local debt = (whole - now) * e.quantity + min(part, e.quantity - 1)
          -- A larger one comes from a clock that was set back, or from another quantity.
          if debt <= 2 * e.capacity then e.debt = debt end
        end
        -- What is spent later counts as from then: until the end of a lease nothing flows back for it.
        function bucket.room(e, ahead)
          return floor((e.capacity - max(e.debt, ahead * e.quantity)) / e.span)
        end
        function bucket.add(e, n, at)
          local debt = e.debt
          if n > 0 then debt = min(max(debt, (at - now) * e.quantity) + n * e.span, 2 * e.capacity) end
          if n < 0 then debt = max(debt + n * e.span, 0) end
          local change = debt - e.debt
          e.debt = debt
          return change
        end
        function bucket.save(e)
          if e.debt <= 0 then redis.call('DEL', e.key) return end
          local whole = now + floor(e.debt / e.quantity)
          put(e, pack('<I8I8', whole, e.debt % e.quantity), whole + 1)
        end
        function bucket.reset(e)
          if e.debt == 0 then return 0 end
          return ceil((e.debt + (max(0, bucket.room(e, 0)) + 1) * e.span - e.capacity) / e.quantity)
        end
        function bucket.retry(e, cost)
          if cost > e.burst then return NEVER end
          return ceil((e.debt + cost * e.span - e.capacity) / e.quantity)
        end

        """#

    /// Value: number of the period (6 bytes) and what was used in it (7 bytes). The days and months are those of UTC.
    static let calendar = #"""
        local DAY = 86400000
        local calendar = {}
        local function month_of(day)
          local shifted = day + 719468
          local era = floor(shifted / 146097)
          local of_era = shifted % 146097
          local year = floor((of_era - floor(of_era / 1460) + floor(of_era / 36524) - floor(of_era / 146096)) / 365)
          local of_year = of_era - (365 * year + floor(year / 4) - floor(year / 100))
          local march = floor((5 * of_year + 2) / 153)
          local month = march < 10 and march + 3 or march - 9
          return (year + era * 400 + (month <= 2 and 1 or 0)) * 12 + month - 1
        end
        local function first_day(number)
          local year, month = floor(number / 12), number % 12 + 1
          if month <= 2 then year = year - 1 end
          local era = floor(year / 400)
          local of_era = year - era * 400
          local of_year = floor((153 * (month > 2 and month - 3 or month + 9) + 2) / 5)
          return era * 146097 + of_era * 365 + floor(of_era / 4) - floor(of_era / 100) + of_year - 719468
        end
        local function period(e, time)
          local day = floor(time / DAY)
          return e.burst == 1 and month_of(day) or day
        end
        function calendar.load(e, raw)
          e.number, e.sum = period(e, now), 0
          if raw then
            local number, used = parts('<I6I7', raw)
            -- The next one goes on when the clock is put back over its beginning.
            if number == e.number or number == e.number + 1 then e.number, e.sum = number, used end
          end
          e.ends = (e.burst == 1 and first_day(e.number + 1) or e.number + 1) * DAY
        end
        function calendar.room(e) return e.quantity - e.sum end
        function calendar.add(e, n, at)
          if at < now and period(e, at) ~= e.number then return 0 end
          local new = min(max(e.sum + n, 0), MOST_WIDE)
          local change = new - e.sum
          e.sum = new
          return change
        end
        function calendar.save(e)
          if e.sum <= 0 then redis.call('DEL', e.key) return end
          put(e, pack('<I6I7', e.number, e.sum), e.ends)
        end
        function calendar.reset(e) return e.sum > 0 and e.ends - now or 0 end
        function calendar.retry(e, cost) return cost > e.quantity and NEVER or e.ends - now end

        """#

    /// A sorted set of `id:permits` by the time at which they end; with the score -1 `=` and the sum.
    static let concurrency = #"""
        local concurrency = {}
        local function permits_of(member) return tonumber(string.match(member, '(%d+)$')) end
        function concurrency.load(e)
          local head = redis.call('ZRANGE', e.key, 0, 0)[1]
          e.head, e.sum = head, head and permits_of(head) or 0
          for _, member in ipairs(redis.call('ZRANGEBYSCORE', e.key, 0, now)) do e.sum = e.sum - permits_of(member) end
        end
        function concurrency.room(e) return e.quantity - e.sum end
        function concurrency.add(e, n)
          local member = e.id .. ':' .. string.format('%d', math.abs(n))
          if n < 0 then
            local ends = redis.call('ZSCORE', e.key, member)
            if not ends or tonumber(ends) <= now then return 0 end
            e.leaves = member
          else
            e.enters = member
          end
          e.sum = e.sum + n
          return n
        end
        function concurrency.save(e)
          if e.sum <= 0 then redis.call('DEL', e.key) return end
          redis.call('ZREMRANGEBYSCORE', e.key, 0, now)
          if e.leaves then redis.call('ZREM', e.key, e.leaves) end
          if e.head then redis.call('ZREM', e.key, e.head) end
          redis.call('ZADD', e.key, -1, '=' .. string.format('%d', e.sum))
          if e.enters then
            redis.call('ZADD', e.key, now + e.span, e.enters)
            redis.call('PEXPIRE', e.key, e.span + LINGER)
          end
        end
        local function next_ends(e, count)
          return redis.call('ZRANGEBYSCORE', e.key, '(' .. string.format('%d', now), '+inf', 'WITHSCORES', 'LIMIT', 0, count)
        end
        function concurrency.reset(e)
          local first = next_ends(e, 1)[2]
          return first and tonumber(first) - now or 0
        end
        function concurrency.retry(e, cost)
          if cost > e.quantity then return NEVER end
          local sum, wait = e.sum, 0
          local holders = next_ends(e, min(sum + cost - e.quantity, 1000))
          for place = 1, #holders, 2 do
            sum, wait = sum - permits_of(holders[place]), tonumber(holders[place + 1]) - now
            if sum + cost <= e.quantity then break end
          end
          return wait
        end

        """#
}
