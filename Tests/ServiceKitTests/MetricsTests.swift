import Foundation
import StrictJSON
import Testing
import TestSupport

@testable import ServiceKit

@Suite struct MetricsTests {
    private func filled() -> MetricsRegistry {
        let registry = MetricsRegistry()
        registry.counter("a_total", help: "How often \\ and\nso on.", labels: ["path": "/\"quoted\"\n\\"]).increment(
            by: 3)
        registry.counter("a_total", labels: ["path": "/b"]).increment()
        registry.gauge("b").set(-1.5)
        registry.gauge("c", help: "Read when asked.") { 7 }
        registry.gauge("left_out") { nil }
        let histogram = registry.histogram("d_seconds", labels: ["route": "/x"], bounds: [0.1, 1])
        for value in [0.0625, 0.1, 0.5, 2] { histogram.observe(value) }
        histogram.observe(.milliseconds(62.5))
        return registry
    }

    @Test func text() {
        #expect(
            filled().exposition() == #"""
                # HELP a_total How often \\ and\nso on.
                # TYPE a_total counter
                a_total{path="/\"quoted\"\n\\"} 3
                a_total{path="/b"} 1
                # TYPE b gauge
                b -1.5
                # HELP c Read when asked.
                # TYPE c gauge
                c 7
                # TYPE d_seconds histogram
                d_seconds_bucket{route="/x",le="0.1"} 3
                d_seconds_bucket{route="/x",le="1"} 4
                d_seconds_bucket{route="/x",le="+Inf"} 5
                d_seconds_sum{route="/x"} 2.725
                d_seconds_count{route="/x"} 5
                # TYPE left_out gauge

                """#)
    }

    @Test func handlesAreTheSameForTheSameName() {
        let registry = MetricsRegistry()
        registry.counter("a_total", labels: ["x": "1"]).increment()
        #expect(registry.counter("a_total", labels: ["x": "1"]).value == 1)
        #expect(registry.counter("a_total", labels: ["x": "2"]).value == 0)
    }

    @Test func countsFromManyThreads() async {
        let registry = MetricsRegistry()
        let (counter, gauge, histogram) = (
            registry.counter("a_total"), registry.gauge("b"), registry.histogram("c", bounds: [1])
        )
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<2_000 {
                        counter.increment()
                        gauge.add(1)
                        histogram.observe(0.5)
                    }
                }
            }
        }
        #expect(counter.value == 16_000)
        #expect(gauge.value == 16_000)
        #expect(histogram.count == 16_000)
        #expect(histogram.sum == 8_000)
    }

    @Test(arguments: [
        (Double.nan, "NaN"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (0, "0"), (0.25, "0.25"),
        (1e15, "1000000000000000.0"),
        (123_456_789, "123456789"),
    ]) func numbers(_ value: Double, _ text: String) { #expect(PrometheusText.number(value) == text) }

    @Test func theProcessIsDescribed() throws {
        let registry = MetricsRegistry()
        ServiceProcess.prepare(metrics: registry)
        let text = registry.exposition()
        for name in [
            "process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "process_max_fds",
            "process_threads", "process_start_time_seconds",
        ] {
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }, "\(name)")
            #expect((Double(line.dropFirst(name.count + 1)) ?? 0) > 0, "\(line)")
        }
        let statistic = ProcessMetrics.Statistic(
            "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23")
        #expect(statistic?.userTicks == 11)
        #expect(statistic?.threads == 17)
        #expect(ProcessMetrics.Statistic("nonsense") == nil)
    }

    @Test func theProcessLeavesNoCore() {
        ServiceProcess.prepare(metrics: MetricsRegistry())
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
        #expect(limit.rlim_cur == 0)
        #expect(!ProcessControl.mayBeDumped)
    }

    /// What Prometheus' own parser makes of the text.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["JTS_PYTHON"] != nil))
    func prometheusUnderstandsIt() async throws {
        let registry = filled()
        ServiceProcess.prepare(metrics: registry)
        let script = """
            import sys, json
            from prometheus_client.parser import text_string_to_metric_families
            print(json.dumps([[s.name, s.labels, s.value] for f in text_string_to_metric_families(sys.stdin.read())
                for s in f.samples]))
            """
        let python = try #require(ProcessInfo.processInfo.environment["JTS_PYTHON"])
        let outcome = try await ChildProcess.run(python, ["-c", script], input: registry.exposition())
        #expect(outcome.succeeded, "\(outcome.errors)")
        let samples = try #require(try JSONValue(parsing: Array(outcome.output.utf8)).array)
        func value(_ name: String, _ labels: JSONValue) -> Double? {
            samples.compactMap(\.array).first { $0[0].string == name && $0[1] == labels }?[2].double
        }
        #expect(value("a_total", ["path": "/\"quoted\"\n\\"]) == 3)
        #expect(value("b", [:]) == -1.5)
        #expect(value("d_seconds_bucket", ["route": "/x", "le": "+Inf"]) == 5)
        #expect(value("d_seconds_sum", ["route": "/x"]) == 2.725)
        #expect(value("process_open_fds", [:]) ?? 0 > 0)
    }
}
