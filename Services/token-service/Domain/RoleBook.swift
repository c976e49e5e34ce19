import Contracts
import SecurityClient
import Synchronization

/// The catalogue of roles as this replica goes by it: of the file until policy-service has been heard, and from then on
/// what was taken over of it, which stands in SQL (`RoleFollow`).
final class RoleBook: Sendable {
    /// A catalogue with its number. Never changed, so that whoever has one goes by one alone.
    final class Edition: Sendable {
        let catalogue: RoleCatalogue
        /// Of the change that made the catalogue what it is; `RoleBook.unheard` for the file's.
        let number: Int64

        init(_ catalogue: RoleCatalogue, number: Int64) {
            self.catalogue = catalogue
            self.number = number
        }
    }

    /// The number of what stands before all that policy-service tells.
    static let unheard: Int64 = -1

    /// What the file says.
    let file: RoleCatalogue
    private let state: Mutex<(edition: Edition, sequence: Int64)>

    init(_ file: RoleCatalogue) {
        self.file = file
        state = Mutex((Edition(file, number: RoleBook.unheard), RoleBook.unheard))
    }

    var edition: Edition { state.withLock { $0.edition } }
    var catalogue: RoleCatalogue { edition.catalogue }

    /// Of the last change of roles that this replica knows to be taken over, for whoever watches it.
    var sequence: Int64 { state.withLock { $0.sequence } }

    /// Goes by another edition from now on, unless it is an older one.
    func take(_ edition: Edition) {
        state.withLock { state in
            if edition.number > state.edition.number { state.edition = edition }
        }
    }

    func reached(_ sequence: Int64) {
        state.withLock { $0.sequence = sequence }
    }

    // MARK: What callers ask

    func contains(_ role: String) -> Bool { edition.catalogue.contains(role) }

    /// Whether a permission of this name is known.
    func knows(permission: String) -> Bool { edition.catalogue.knows(permission: permission) }

    /// Sorted, each once; roles that are not known give nothing.
    func permissions(of roles: [String]) -> [String] { edition.catalogue.permissions(of: roles) }

    /// Whether one of the roles cannot be used without a second factor.
    func isPrivileged(_ roles: [String]) -> Bool { edition.catalogue.isPrivileged(roles) }

    /// The strictest limit of the roles.
    func sessionLimit(of roles: [String]) -> RoleCatalogue.SessionLimit { edition.catalogue.sessionLimit(of: roles) }

    /// What all roles together permit.
    var permissions: [String] { edition.catalogue.permissions(of: Array(edition.catalogue.roles.keys)) }
}
