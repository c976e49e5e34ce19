import ArgumentParser
import Contracts
import EventBus
import Foundation
import Logging
import StrictJSON

struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "What the services tell on Kafka.", subcommands: [Tail.self])

    /// Reads topics without a group, so that looking on changes nothing for anybody.
    struct Tail: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print security events as they come.",
            discussion: """
                Further settings of librdkafka, such as for TLS and SASL, are given with --setting name=value or in a \
                file with --kafka-config. Secrets are never taken from the command line: the password for SASL comes \
                from JTS_KAFKA_PASSWORD or from that file, others from the file.
                """)

        @Option(help: "A topic; may be repeated.") var topic: [String] = [Topic.securityEvents.rawValue]
        @Option(help: "How far back to begin, such as 90s, 10m, 24h, 7d.") var since = "0s"
        @Flag(inversion: .prefixedNo, help: "Go on when everything that is there has been printed.") var follow = true
        @OptionGroup var kafka: KafkaOptions
        @OptionGroup var format: OutputOptions

        func run() async throws {
            let reader = FeedReader(
                topics: topic, kafka: try kafka.configuration(), since: try age(), registeredOutboxes: [],
                logger: Logger(label: "jts") { _ in SwiftLogNoOpLogHandler() })
            do {
                for try await item in reader.items() {
                    switch item {
                    case .event(let event): Console.print(format.output == .json ? json(event) : line(event))
                    case .gap(let gap):
                        Console.error("lost: \(Console.printable(gap.source)) \(gap.sequences)")
                    case .caughtUp: if !follow { return }
                    case .heartbeat: break
                    }
                }
            } catch let error as KafkaError {
                throw CommandFault.unavailable(Console.printable("\(error)"))
            }
        }

        private func age() throws -> Duration {
            let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
            guard let unit = since.last.flatMap({ units[$0] }), let number = Int64(since.dropLast()),
                (0...100_000).contains(number)
            else { throw CommandFault.usage("--since takes a number and s, m, h or d") }
            return .seconds(number * unit)
        }

        private func line(_ event: CloudEvent) -> String {
            let time = event.time.map(RFC3339.string(milliseconds:)) ?? "-"
            let kind = event.type.split(separator: ".").last.map(String.init) ?? event.type
            let data = event.json()
            let words = [
                time, kind, data?["outcome"]?.string, event.subject,
                data?["reason"]?.string ?? data?["reason_admin"]?.string,
            ].compactMap(\.self)
            return Console.printable(words.joined(separator: "  "))
        }

        private func json(_ event: CloudEvent) -> String {
            var object: JSONObject = [
                "topic": .string(event.topic), "partition": .int(Int64(event.partition)), "offset": .int(event.offset),
                "id": .string(event.id), "source": .string(event.source), "type": .string(event.type),
            ]
            object["subject"] = event.subject.map(JSONValue.string)
            object["time"] = event.time.map { .string(RFC3339.string(milliseconds: $0)) }
            object["sequence"] = event.sequence.map(JSONValue.int)
            object["data"] = event.json() ?? .null
            return JSONValue.object(object).encodedString()
        }
    }
}
