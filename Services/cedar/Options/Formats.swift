import ArgumentParser

/// How policies are written.
enum PolicyFormat: String, ExpressibleByArgument, CaseIterable { case cedar, json }

/// How a schema is written.
enum SchemaFormat: String, ExpressibleByArgument, CaseIterable { case cedar, json }

/// Where the ids of policies come from that are written in Cedar.
enum PolicyNaming: String, ExpressibleByArgument, CaseIterable {
    /// `policy0`, `policy1`, … as they come.
    case order
    /// `@id("…")`, else as they come.
    case annotation
}
