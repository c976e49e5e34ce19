import Contracts
import Foundation
import Logging
import ServiceKit
import ServiceLifecycle
import StrictJSON
import Synchronization

/// Evaluates the shadow set, when policy-service has one, beside what is decided here, and reports to policy-service what
/// it would have decided otherwise. It decides nothing, and nothing waits for it.
package final class ShadowClient: Service {
    /// What a report is known by at policy-service: this process, as long as it lives.
    private let reporter = UUID().uuidString.lowercased()
    private let replica: PolicyReplica
    private let bundles: ShadowBundles
    private let point: Point
    package let evaluation: ShadowEvaluation
    private let interval: Duration
    private let clock: @Sendable () -> Int64
    private let logger: Logger

    /// - Parameter interval: how often policy-service is asked for a shadow set and told what was found.
    init(
        _ replica: PolicyReplica, bundles: ShadowBundles, interval: Duration = .seconds(2), logger: Logger,
        clock: @escaping @Sendable () -> Int64 = { WallClock.milliseconds() }
    ) {
        self.replica = replica
        self.bundles = bundles
        self.interval = interval
        self.clock = clock
        self.logger = logger
        point = Point(replica)
        evaluation = ShadowEvaluation(point: point, clock: clock)
    }

    package func run() async {
        await cancelWhenGracefulShutdown { [self] in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { [self] in await evaluate() }
                group.addTask { [self] in await followAndReport() }
            }
        }
    }

    private func evaluate() async {
        while !Task.isCancelled {
            if evaluation.hasWork { await OffLoop.run { [evaluation] in evaluation.drain(for: .milliseconds(25)) } }
            try? await Task.sleep(for: .milliseconds(25))
        }
    }

    private func followAndReport() async {
        var reported: JSONValue?
        while !Task.isCancelled {
            await follow()
            if let report = await OffLoop.run({ [evaluation] in evaluation.report() }) {
                let json = report.json
                if json != reported, await bundles.report(json, by: reporter) { reported = json }
            } else {
                reported = nil
            }
            try? await Task.sleep(for: interval * Double.random(in: 0.8...1.2))
        }
    }

    /// Takes the shadow set that policy-service has now.
    package func follow() async {
        let fetched = await bundles.fetch()
        if case .bundle(let bundle) = fetched {
            logger.info("policies are evaluated as a shadow", metadata: ["version": "\(bundle.version)"])
        }
        // Here, and not where a decision would wait for it.
        await OffLoop.run { [point] in
            switch fetched {
            case .unknown, .unchanged: point.compile()
            case .none: point.take(nil)
            case .bundle(let bundle): point.take(bundle)
            }
        }
    }

    /// The sets as they are here.
    private final class Point: ShadowedPolicies {
        private struct State {
            var bundle: PolicyBundle?
            var compiled: PolicySnapshot.Policies?
        }

        private let replica: PolicyReplica
        private let state = Mutex(State())

        init(_ replica: PolicyReplica) { self.replica = replica }

        var snapshotIfAny: PolicySnapshot? { replica.snapshot }

        /// Entities that were read anew have numbers of their own, which the set has to be compiled with: what is decided
        /// until then is counted as skipped.
        var shadow: PolicySnapshot.Policies? { state.withLock { $0.compiled } }

        func take(_ bundle: PolicyBundle?) {
            state.withLock {
                $0.bundle = bundle
                $0.compiled = nil
            }
            compile()
        }

        /// Compiles the set when it is not, or not with the symbols of what is decided by.
        func compile() {
            let (bundle, compiled) = state.withLock { ($0.bundle, $0.compiled) }
            guard let bundle, let snapshot = replica.snapshot else { return }
            if let compiled, compiled.compiled.symbols === snapshot.symbols { return }
            let made = try? PolicySnapshot.Policies(
                sequence: bundle.sequence, version: bundle.version, content: bundle.content, symbols: snapshot.symbols)
            state.withLock { if $0.bundle?.version == bundle.version { $0.compiled = made } }
        }
    }
}
