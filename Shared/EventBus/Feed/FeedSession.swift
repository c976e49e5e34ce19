import Logging

/// What a feed reader does on its thread.
struct FeedSession {
    private let reader: FeedReader
    private let consumer: KafkaConsumer
    private let handler: FeedReader.Handler
    private var counts: [String: Int32] = [:]
    /// Ends of the partitions that are yet to be reached, before the feed counts as caught up.
    private var pending: [TopicPartition: Int64] = [:]
    private var isCaughtUp = false
    /// Counts the assignments: what was read under an older one says nothing of how far this one has come.
    private var generation = 0
    /// Sources of which something is missing, while everything is read again.
    private var suspects: Set<String> = []
    private var nextReread = ContinuousClock.now
    private var nextRefresh = ContinuousClock.now

    init(reader: FeedReader, consumer: KafkaConsumer, handler: @escaping FeedReader.Handler) {
        self.reader = reader
        self.consumer = consumer
        self.handler = handler
    }

    func run(until isStopped: () -> Bool) {
        var session = self
        while !isStopped() {
            do throws(KafkaError) {
                try session.refreshIfDue(isStopped)
                try session.rereadIfWanted()
                session.step()
            } catch {
                session.note(error)
                _ = session.consumer.poll(.milliseconds(100))
            }
        }
    }

    // MARK: - Assignment

    private mutating func refreshIfDue(_ isStopped: () -> Bool) throws(KafkaError) {
        guard nextRefresh <= .now, !isStopped() else { return }
        nextRefresh = .now + (counts.isEmpty ? .milliseconds(100) : reader.options.refreshEvery)
        let found = try consumer.handle.partitionCounts(of: reader.options.topics, timeout: .seconds(2))
        guard found != counts else { return }
        guard found.count == Set(reader.options.topics).count else {
            if counts.isEmpty { nextRefresh = .now + .milliseconds(100) }
            throw .unknownTopic(reader.options.topics.filter { found[$0] == nil }.joined(separator: ", "))
        }
        do throws(KafkaError) {
            try begin(found, fromStart: false)
        } catch {
            nextRefresh = .now + .milliseconds(100)
            throw error
        }
    }

    /// Begins at the start when the reader was asked to.
    private mutating func rereadIfWanted() throws(KafkaError) {
        guard !counts.isEmpty, nextReread <= .now, reader.isRereadWanted else { return }
        nextReread = .now + reader.options.rereadEvery
        // First, so that a wish of meanwhile is another one; and again when it could not be.
        reader.setRereading()
        do throws(KafkaError) {
            try begin(counts, fromStart: true)
        } catch {
            reader.readAgain()
            throw error
        }
        reader.update { $1.rereads += 1 }
    }

    /// Reads all partitions, from the age of interest on or from the start.
    private mutating func begin(_ found: [String: Int32], fromStart: Bool) throws(KafkaError) {
        let partitions = found.flatMap { topic, count in
            (0..<count).map { TopicPartition(topic: topic, partition: $0) }
        }
        var starts: [TopicPartition: Int64] = [:]
        if !fromStart {
            let time = reader.options.clock() - reader.options.since.milliseconds64
            starts = try consumer.offsets(of: partitions, since: max(0, time), timeout: .seconds(2))
        }
        var ends: [TopicPartition: Int64] = [:]
        var assignment: [(TopicPartition, Int64)] = []
        for partition in partitions {
            let (low, high) = try consumer.handle.watermarks(partition, timeout: .seconds(2))
            // Without an offset by time all is read: it may be that the broker cannot look by time.
            assignment.append((partition, max(starts[partition] ?? low, low)))
            if low < high { ends[partition] = high }
        }
        try consumer.assign(assignment)
        counts = found
        pending = ends
        generation += 1
        reader.update { state, _ in state.setPartitions(found) }
        checkWhetherCaughtUp()
    }

    // MARK: - Records

    private mutating func step() {
        guard !counts.isEmpty else {
            _ = consumer.poll(.milliseconds(20))
            return
        }
        switch consumer.poll(.milliseconds(100)) {
        case .message(let message):
            let before = generation
            handle(message)
            if generation == before { reached(message.partition, message.offset + 1) }
        case .end(let partition, _):
            reached(partition, .max)
        case .failure(.unknownTopic(let text)):
            // The broker came back without its topics: look them up again, and often.
            note(.unknownTopic(text))
            nextRefresh = min(nextRefresh, .now + .milliseconds(200))
        case .failure(let error):
            note(error)
        case .nothing: break
        }
    }

    private mutating func handle(_ message: KafkaMessage) {
        let event: CloudEvent
        do throws(CloudEvent.Malformed) {
            event = try CloudEvent(message)
        } catch {
            reader.update { $1.malformed += 1 }
            reader.logger.warning(
                "not a CloudEvent",
                metadata: ["at": "\(message.partition)@\(message.offset)", "error": "\(error)"])
            return
        }
        if let heartbeat = Heartbeat(event) {
            let missing = reader.update { state, statistics in
                statistics.heartbeats += 1
                return state.accept(heartbeat)
            }
            if !missing.isEmpty { suspect(heartbeat.source.description) }
            handler(.heartbeat(heartbeat))
            return
        }
        let isNew = reader.update { state, statistics in
            let isNew = state.accept(event)
            if isNew { statistics.events += 1 } else { statistics.repeats += 1 }
            return isNew
        }
        if isNew { handler(.event(event)) }
    }

    private mutating func reached(_ partition: TopicPartition, _ next: Int64) {
        guard let end = pending[partition], next >= end else { return }
        pending[partition] = nil
        checkWhetherCaughtUp()
    }

    private mutating func checkWhetherCaughtUp() {
        guard pending.isEmpty else { return }
        reportWhatStaysMissing()
        guard !isCaughtUp else { return }
        isCaughtUp = true
        handler(.caughtUp)
        reader.setCaughtUp()
    }

    // MARK: - What is missing

    /// Something was published and not read, as can happen when a broker lost its state and has been filled again
    /// beyond the offset that was to be read next. Reading everything again finds it.
    private mutating func suspect(_ source: String) {
        guard suspects.isEmpty, nextReread <= .now else { return }
        nextReread = .now + reader.options.rereadEvery
        reader.logger.notice("events are missing; reading everything again", metadata: ["source": "\(source)"])
        do throws(KafkaError) {
            try begin(counts, fromStart: true)
            reader.update { $1.rereads += 1 }
            suspects.insert(source)
            checkWhetherCaughtUp()
        } catch {
            note(error)
        }
    }

    private mutating func reportWhatStaysMissing() {
        let checked = suspects
        suspects = []
        for source in checked {
            let missing = reader.update { state, statistics in
                let missing = state.missing(of: source)
                statistics.gaps += missing.count
                if let last = missing.last { state.giveUp(source, upTo: last.upperBound) }
                return missing
            }
            for sequences in missing {
                reader.logger.error(
                    "events are lost", metadata: ["source": "\(source)", "sequences": "\(sequences)"])
                handler(.gap(FeedGap(source: source, sequences: sequences)))
            }
        }
    }

    private func note(_ error: KafkaError) {
        let text = "\(error)"
        let isNew = reader.update { _, statistics in
            defer { statistics.lastError = text }
            statistics.errors += 1
            return statistics.lastError != text
        }
        reader.logger.log(level: isNew ? .warning : .debug, "reading the feed", metadata: ["error": "\(text)"])
    }
}
