import ArgumentParser
import Foundation

/// A Kafka-protocol broker for development and tests: librdkafka's mock cluster in a process of its own.
///
/// It keeps everything in memory, about 5 MiB a partition, and is not for production.
@main
struct DevKafka: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev-kafka",
        abstract: "A Kafka-protocol broker in memory, for development and tests.",
        discussion: """
            Listens on the loopback interface. Prints one line of JSON when it is ready. Other than Apache Kafka it does
            not fence: an old producer of a transactional id may write after a newer one has registered.

            The control port takes one command a line and answers `ok` or `error: …`:
              restart [SECONDS]           lose everything, be gone for a while, come back on the same port
              down | up                   refuse connections | accept them again, nothing is lost
              latency MS                  delay every answer
              fail API CODE [COUNT]       answer the next requests of a kind (number as in the Kafka protocol: 0 produce,
                                          1 fetch, 22 init producer id, 24 add partitions, 26 end transaction) with a
                                          Kafka error code; -195 cuts the connection
              clear API                   take back what `fail` has set
              topic NAME PARTITIONS       make a topic
              topics                      list them
            """)

    @Option(help: "Port of the first broker; further ones follow it.")
    var port: UInt16 = 9092

    @Option(help: "Number of brokers.")
    var brokers = 1

    @Option(help: "Topics with their numbers of partitions: NAME:PARTITIONS, separated by commas.")
    var topics = ""

    @Option(help: "Port that takes commands; none when not given.")
    var controlPort: UInt16?

    func validate() throws {
        guard port > 0, (1...16).contains(brokers), Int(port) + brokers <= 65_536 else {
            throw ValidationError("--port and --brokers do not fit")
        }
        _ = try topicList()
    }

    func run() throws {
        signal(SIGPIPE, SIG_IGN)
        let cluster = try MockCluster(port: port, brokers: brokers, topics: topicList())
        let control = try controlPort.map { try ControlServer(port: $0, cluster: cluster) }
        print(
            #"{"bootstrap_servers":"\#(cluster.bootstrapServers)","control_port":\#(control.map { "\($0.port)" } ?? "null")}"#
        )
        fflush(nil)
        control?.start()
        while true { pause() }
    }

    private func topicList() throws -> [MockCluster.Topic] {
        try topics.split(separator: ",").map { entry in
            let parts = entry.split(separator: ":")
            guard parts.count == 2, let partitions = Int32(parts[1]), (1...1_000).contains(partitions) else {
                throw ValidationError("--topics takes NAME:PARTITIONS, not \(entry)")
            }
            return MockCluster.Topic(name: String(parts[0]), partitions: partitions)
        }
    }
}
