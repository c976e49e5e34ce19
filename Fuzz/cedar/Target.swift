import Cedar

/// One input of libFuzzer: the first byte says how the rest is read.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> Int32 {
    let bytes = UnsafeBufferPointer(start: data, count: size)
    guard let first = bytes.first, let check = FuzzChecks(rawValue: first % UInt8(FuzzChecks.allCases.count)),
        let text = String(validating: bytes.dropFirst(), as: UTF8.self)
    else { return 0 }
    // libFuzzer learns of a finding by the abort, and keeps the input; no service runs this.
    do throws(FuzzChecks.Failure) { _ = try check.check(text) } catch { fatalError("\(check): \(error)") }
    return 0
}
