import Redis

/// The scripts of the service. Each reads everything, decides, and writes only then.
///
/// Of a limit come six arguments: kind (`w` window, `x` exact, `b` bucket, `c` calendar, `n` concurrency), quantity, span in
/// milliseconds, burst (of a calendar 1 for months), cost, and flags (`CounterFlags`).
struct LimitScripts: Sendable {
    let admit: RedisScript
    let settle: RedisScript
    let adjust: RedisScript

    static let standard = LimitScripts(.server)

    init(_ clock: LimitLua.Clock) {
        let prelude = LimitLua.prelude(clock)
        admit = RedisScript(prelude + LimitScripts.admission)
        settle = RedisScript(prelude + LimitScripts.settlement)
        adjust = RedisScript(prelude + LimitScripts.adjustment)
    }

    /// Admits a request under all its limits, or under none.
    ///
    /// KEYS: one a counter, then that of the record when there is to be one. ARGV: how many counters; permits wanted (0: the
    /// request itself); milliseconds for which permits may be spent; id; owner; milliseconds for which the record stays (0:
    /// none) and after which it has expired; then the limits.
    ///
    /// Permits are charged at the end of the time in which they may be spent and count from now on: whatever instant they are
    /// spent at, no window has more than the quantity.
    ///
    /// Returns outcome (1 admitted, 0 refused, 2 the answer of a known record, -1 it is somebody else's), time, permits, how
    /// long they may be spent; then of each limit admitted, remaining, reset, retry (-1 never), in milliseconds.
    private static let admission = #"""
        local count, wanted, ahead = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
        local keep = tonumber(ARGV[6])
        local record = keep > 0 and KEYS[count + 1]
        if record then
          local raw = redis.call('GET', record)
          if raw then
            local known = cmsgpack.unpack(raw)
            if known.owner ~= ARGV[5] then return { -1, now, 0, 0 } end
            known.answer[1] = 2
            return known.answer
          end
        end
        local entries = {}
        for number = 1, count do entries[number] = entry(KEYS[number], 2 + number * 6, ARGV[4]) end
        load_all(entries)
        local permits, life = max(1, wanted), ahead
        -- How many times the cost fits.
        local function times(e)
          local room = e.is.room(e, ahead)
          if e.cost == 0 then return room >= 0 and permits or 0 end
          return floor(room / e.cost)
        end
        local limits = {}
        local number = 1
        while number <= count do
          local e = entries[number]
          e.chosen, e.fit = e, times(e)
          if floor(e.flags / 2) % 2 == 1 then
            number = number + 1
            e.other = entries[number]
            if e.fit < permits then
              local fit = times(e.other)
              if fit > e.fit then e.chosen, e.fit = e.other, fit end
            end
          end
          -- A block is at most half of what is left, so that the last permits do not lie idle with one holder.
          if wanted > 0 then e.fit = ceil(e.fit / 2) end
          if e.flags % 2 == 0 then permits = min(permits, e.fit) end
          if e.kind == 'c' then life = min(life, e.ends - now) end
          limits[#limits + 1] = e
          number = number + 1
        end
        local ok = permits >= 1
        local charged = {}
        for _, e in ipairs(limits) do
          e.admitted = e.fit >= max(1, permits)
          if ok and e.admitted then
            local chosen, at = e.chosen, now + ahead
            if chosen.kind == 'c' then at = now end
            local n = chosen.cost * permits
            if n > 0 then
              chosen.is.add(chosen, n, at)
              chosen.is.save(chosen)
            end
            if record then
              charged[#charged + 1] = {
                chosen.key, chosen.kind, chosen.quantity, chosen.span, chosen.burst, chosen.cost, chosen.flags, n, at,
                chosen.debt or 0,
              }
            end
          end
        end
        local answer = { ok and 1 or 0, now, ok and permits or 0, life }
        for _, e in ipairs(limits) do
          local remaining, reset, retry = max(0, e.is.room(e, 0)), e.is.reset(e), 0
          if not e.admitted then retry = e.is.retry(e, e.cost) end
          local other = e.other
          if other then
            remaining = remaining + max(0, other.is.room(other, 0))
            reset = max(reset, other.is.reset(other))
            if not e.admitted then
              local later = other.is.retry(other, other.cost)
              if retry == NEVER or (later ~= NEVER and later < retry) then retry = later end
            end
          end
          local place = #answer
          answer[place + 1], answer[place + 2] = e.admitted and 1 or 0, remaining
          answer[place + 3], answer[place + 4] = reset, retry
        end
        if record and ok then
          redis.call('SET', record, cmsgpack.pack({
            owner = ARGV[5], id = ARGV[4], wanted = wanted, state = 'open', ends = now + tonumber(ARGV[7]),
            charged = charged, answer = answer,
          }), 'PX', keep)
        end
        return answer
        """#

    /// Settles a reservation or a lease, once.
    ///
    /// KEYS: the record. ARGV: owner; `committed`, `refunded`, `returned`, or `undone`, which leaves no record; the cost that
    /// it came to, or the permits that were not spent. The counters' keys stand in the record and share its hash tag.
    ///
    /// What is given back is taken from where it was charged, while that still counts; what comes on top is charged now,
    /// whatever the limits say: it was used.
    ///
    /// Returns a status (1 done, 2 done before, 0 unknown, -1 settled otherwise, -2 expired), the state and the amount.
    private static let settlement = #"""
        local raw = redis.call('GET', KEYS[1])
        if not raw then return { 0, '', 0 } end
        local record = cmsgpack.unpack(raw)
        local state, amount = ARGV[2], tonumber(ARGV[3])
        if record.owner ~= ARGV[1] then return { 0, '', 0 } end
        if state ~= 'undone' and (state == 'returned') ~= (record.wanted > 0) then return { 0, '', 0 } end
        if state == 'returned' then amount = min(amount, record.answer[3]) end
        if record.state ~= 'open' then
          return { (record.state == state and record.amount == amount) and 2 or -1, record.state, record.amount }
        end
        if state ~= 'returned' and state ~= 'undone' and now >= record.ends then return { -2, 'expired', 0 } end
        for _, c in ipairs(record.charged) do
          local e = counter(c[1], c[2], c[3], c[4], c[5], c[6], c[7], record.id)
          local before, at, debt = c[8], c[9], c[10]
          local change = -before
          if state == 'committed' and e.kind ~= 'n' then
            change = (floor(e.flags / 4) % 2 == 1 and 1 or amount) - before
          elseif state == 'returned' then
            change = -amount * e.cost
          end
          if change ~= 0 then
            load_all({ e })
            if e.kind == 'b' and change < 0 then
              -- Only what has not flowed back by now.
              local left = debt - (now - record.answer[2]) * e.quantity
              change = -min(-change, max(0, floor(left / e.span)))
            end
            if change ~= 0 and e.is.add(e, change, change > 0 and now or at) ~= 0 then e.is.save(e) end
          end
        end
        if state == 'undone' then redis.call('DEL', KEYS[1]) return { 1, state, 0 } end
        record.state, record.amount = state, amount
        redis.call('SET', KEYS[1], cmsgpack.pack(record), 'KEEPTTL')
        return { 1, state, amount }
        """#

    /// Changes one counter whatever its limit says: takes back what another group of a request's limits refused, and charges
    /// what was admitted while Redis was away.
    ///
    /// KEYS: the counter. ARGV: id; `at` or `age`; how many changes; the limit; then the changes, each with its instant or age
    /// in milliseconds, the oldest first, and its amount.
    private static let adjustment = #"""
        local e = entry(KEYS[1], 4, ARGV[1])
        load_all({ e })
        local changed = false
        for number = 1, tonumber(ARGV[3]) do
          local at, amount = tonumber(ARGV[8 + number * 2]), tonumber(ARGV[9 + number * 2])
          if ARGV[2] == 'age' then
            local age = at
            at = now - age
            -- Of a bucket a part has flowed back since.
            if e.kind == 'b' then amount, at = ceil(max(0, amount * e.span - age * e.quantity) / e.span), now end
          end
          if amount ~= 0 and e.is.add(e, amount, at) ~= 0 then changed = true end
        end
        if changed then e.is.save(e) end
        return changed and 1 or 0
        """#
}
