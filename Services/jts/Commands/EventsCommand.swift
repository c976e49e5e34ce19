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
                Further settings of librdkafka, such as for TLS and SASL, are given with --setting name=value; a \
                password for SASL is read from JTS_KAFKA_PASSWORD, never from the command line.
                """)

        @Option(help: "Brokers, host:port; else KAFKA_BOOTSTRAP_SERVERS, else 127.0.0.1:7092.")
        var bootstrapServers: String?
        @Option(help: "A topic; may be repeated.") var topic: [String] = [Topic.securityEvents.rawValue]
        @Option(help: "How far back to begin, such as 90s, 10m, 24h, 7d.") var since = "0s"
        @Option(help: "A librdkafka setting, name=value; may be repeated.") var setting: [String] = []
        @Flag(inversion: .prefixedNo, help: "Go on when everything that is there has been printed.") var follow = true
        @OptionGroup var format: OutputOptions

        func run() async throws {
            let reader = FeedReader(
                topics: topic, kafka: try kafka(), since: try age(), registeredOutboxes: [],
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

        private func kafka() throws -> KafkaConfiguration {
            let servers =
                bootstrapServers ?? ProcessInfo.processInfo.environment["KAFKA_BOOTSTRAP_SERVERS"] ?? "127.0.0.1:7092"
            var extra: [String: String] = [:]
            for pair in setting {
                let parts = pair.split(separator: "=", maxSplits: 1)
                guard parts.count == 2, !parts[0].contains("password") else {
                    throw CommandFault.usage("--setting takes name=value, and no password")
                }
                extra[String(parts[0])] = String(parts[1])
            }
            if let password = ProcessInfo.processInfo.environment["JTS_KAFKA_PASSWORD"] {
                extra["sasl.password"] = password
            }
            let configuration = KafkaConfiguration(bootstrapServers: servers, clientID: "jts", extra: extra)
            do {
                try configuration.validate()
            } catch { throw CommandFault.usage(Console.printable("\(error)")) }
            return configuration
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
