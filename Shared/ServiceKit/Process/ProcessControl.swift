import Foundation

/// Linux' `prctl(2)`.
enum ProcessControl {
    #if os(Linux)
        private static let setDumpable: Int32 = 4
        private static let getDumpable: Int32 = 3
        private typealias Control = @convention(c) (Int32, UInt, UInt, UInt, UInt) -> Int32

        /// The C function takes variable arguments, which Swift does not import. Integers are passed the same way to such
        /// a function as to any other on the platforms of Linux that Swift knows.
        private static func control(_ option: Int32, _ argument: UInt) -> Int32 {
            guard let symbol = dlsym(nil, "prctl") else { return -1 }
            return unsafeBitCast(symbol, to: Control.self)(option, argument, 0, 0, 0)
        }

        /// No core dump of the process, and no debugger or `/proc/<pid>/mem` of the same user's.
        static func forbidDumps() { _ = control(setDumpable, 0) }
        static var mayBeDumped: Bool { control(getDumpable, 0) != 0 }
    #else
        static func forbidDumps() {}
        static var mayBeDumped: Bool { true }
    #endif
}
