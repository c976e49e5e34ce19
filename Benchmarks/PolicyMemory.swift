import Cedar
import Foundation

/// Bytes that are allocated for what a process keeps, as the allocator counts them.
enum PolicyMemory {
    static func run(_ report: inout Report) throws {
        let workload = PolicyWorkload.trading(policies: 10_000, people: 50_000, requests: 1, seed: 9)
        var perPolicy: [Double] = []
        var perEntity: [Double] = []
        for _ in 0..<3 {
            let symbols = Symbols()
            let before = try allocated()
            let policies = CompiledPolicies(try PolicySet(parsing: workload.policies), symbols: symbols)
            let between = try allocated()
            // A copy of its own, as a client has it of a document.
            let store = try EntityStore(try Entities(json: Entities(workload.entities).json).all, symbols: symbols)
            let after = try allocated()
            perPolicy.append((between - before) / Double(policies.source.policies.count))
            perEntity.append((after - between) / Double(store.count))
        }
        report.add("policies: memory for each of 10,000 policies", "bytes", perPolicy)
        report.add("policies: memory for each of \(workload.entities.count) entities", "bytes", perEntity)
    }

    private typealias MallocInfo = @convention(c) (Int32, UnsafeMutablePointer<FILE>?) -> Int32

    /// From `malloc_info(3)`, whose header Swift does not see: what the system gave, less what is free of it, and what was mapped
    /// for single large blocks.
    private static func allocated() throws -> Double {
        guard let symbol = dlsym(nil, "malloc_info") else { throw Failure(what: "no malloc_info") }
        let information = unsafeBitCast(symbol, to: MallocInfo.self)
        var buffer: UnsafeMutablePointer<CChar>?
        var size = 0
        guard let stream = open_memstream(&buffer, &size), information(0, stream) == 0, fclose(stream) == 0, let buffer
        else { throw Failure(what: "malloc_info failed") }
        defer { free(buffer) }
        // The sums of all heaps stand last.
        let sums = String(cString: buffer).components(separatedBy: "</heap>").last ?? ""
        func bytes(_ element: String) throws -> Double {
            guard let start = sums.range(of: "<\(element)\""),
                let value = sums[start.upperBound...].range(of: "size=\""),
                let bytes = Double(sums[value.upperBound...].prefix { $0 != "\"" })
            else { throw Failure(what: "malloc_info does not tell \(element)") }
            return bytes
        }
        let free = try bytes("total type=\"fast") + bytes("total type=\"rest")
        return try bytes("system type=\"current") - free + bytes("total type=\"mmap")
    }
}
