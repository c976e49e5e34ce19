import Database

extension Database {
    /// A transaction whose body may throw faults of its own: these come out as they are.
    func change<T: Sendable>(_ body: @escaping @Sendable (any SQLConnection) throws -> T) async throws -> T {
        do {
            return try await write(body)
        } catch DatabaseError.aborted(let fault) {
            throw fault
        }
    }
}
