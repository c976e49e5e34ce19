// swift-tools-version: 6.2
import PackageDescription

// One package: the services, what they share, and what a trading service imports.
// Layout and the direction of dependencies are described in ARCHITECTURE.md.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
]

// MARK: - Products of other packages

let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdTLS: Target.Dependency = .product(name: "HummingbirdTLS", package: "hummingbird")
let hummingbirdHTTP2: Target.Dependency = .product(name: "HummingbirdHTTP2", package: "hummingbird")
let hummingbirdTesting: Target.Dependency = .product(name: "HummingbirdTesting", package: "hummingbird")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let httpClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let sqlite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let structuredFields: Target.Dependency = .product(
    name: "RawStructuredFieldValues", package: "swift-http-structured-headers")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Shared/\(name)", swiftSettings: settings)
}

func executable(_ name: String, path: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, path: path, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["TestSupport"], path: "Tests/\(name)", swiftSettings: settings)
}

func system(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(
        name: name, path: "Shared/SystemLibraries/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let package = Package(
    name: "jts-security",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "token-service", targets: ["TokenService"]),
        .executable(name: "policy-service", targets: ["PolicyService"]),
        .executable(name: "ratelimit-service", targets: ["RateLimitService"]),
        .executable(name: "order-api", targets: ["OrderAPI"]),
        .executable(name: "dev-kafka", targets: ["DevKafka"]),
        .executable(name: "jts", targets: ["JTS"]),
        .executable(name: "cedar", targets: ["CedarCLI"]),
        .library(name: "SecurityClient", targets: ["SecurityClient"]),
        .library(name: "JOSE", targets: ["JOSE"]),
        .library(name: "Cedar", targets: ["Cedar"]),
    ],
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-http-structured-headers", from: "1.7.0"),
    ],
    targets: [
        // MARK: C libraries
        system("CHiredis", pkgConfig: "hiredis", apt: "libhiredis-dev"),
        system("CRdkafka", pkgConfig: "rdkafka", apt: "librdkafka-dev"),
        system("CPostgres", pkgConfig: "libpq", apt: "libpq-dev"),
        system("CArgon2", pkgConfig: "libargon2", apt: "libargon2-dev"),
        system("CQREncode", pkgConfig: "libqrencode", apt: "libqrencode-dev"),

        // MARK: Libraries
        library("StrictJSON", []),
        library("Cedar", ["StrictJSON"]),
        library("JOSE", ["StrictJSON", crypto, cryptoExtras]),
        library("Sealing", [crypto]),
        library("Contracts", ["StrictJSON"]),
        library("RateLimits", ["StrictJSON", crypto, yams, structuredFields]),
        library("Redis", ["CHiredis", nioCore, nioPosix, nioSSL, logging, lifecycle, crypto]),
        library("Database", ["CPostgres", "Contracts", grdb, sqlite, logging, crypto]),
        library("EventBus", ["CRdkafka", "Contracts", "Database", "Redis", "StrictJSON", logging, lifecycle]),
        library(
            "ServiceKit",
            [
                hummingbird, hummingbirdTLS, hummingbirdHTTP2, nioCore, nioPosix, nioSSL, logging, lifecycle,
                configuration, "Contracts", "StrictJSON", crypto, yams,
            ]),
        library(
            "APISecurity",
            ["ServiceKit", "Contracts", "StrictJSON", "JOSE", hummingbird, httpTypes, nioCore, logging, lifecycle]),
        library(
            "SecurityClient",
            [
                "APISecurity", "ServiceKit", "Contracts", "EventBus", "JOSE", "StrictJSON", "Cedar", hummingbird,
                httpClient, httpTypes, logging, lifecycle, crypto, nioCore, nioSSL, yams,
            ]),

        // MARK: Services, examples and tools
        executable(
            "TokenService", path: "Services/token-service",
            [
                "CArgon2", "CQREncode", "ServiceKit", "APISecurity", "SecurityClient", "Contracts", "Redis",
                "Database", "EventBus", "JOSE", "Sealing", "StrictJSON", hummingbird, httpTypes, logging,
                lifecycle, crypto, yams, nioCore, nioPosix,
            ]),
        executable(
            "PolicyService", path: "Services/policy-service",
            [
                "Cedar", "ServiceKit", "APISecurity", "SecurityClient", "Contracts", "Database", "EventBus", "JOSE",
                "Sealing", "StrictJSON", hummingbird, httpTypes, logging, lifecycle, crypto, nioCore, nioPosix,
            ]),
        executable(
            "RateLimitService", path: "Services/ratelimit-service",
            [
                "RateLimits", "ServiceKit", "APISecurity", "SecurityClient", "Contracts", "Redis", "Database",
                "EventBus", "JOSE", "StrictJSON", hummingbird, httpTypes, logging, lifecycle, crypto, nioCore, nioPosix,
            ]),
        executable(
            "OrderAPI", path: "Examples/order-api",
            [
                "SecurityClient", "Cedar", "APISecurity", "ServiceKit", "Contracts", "Database", "EventBus",
                "StrictJSON", hummingbird, logging, lifecycle,
            ]),
        // Its `bind` and `accept` take the place of the C library's for librdkafka: see Interposed.swift.
        .executableTarget(
            name: "DevKafka", dependencies: ["CRdkafka", argumentParser], path: "Services/dev-kafka",
            swiftSettings: settings,
            linkerSettings: [
                .unsafeFlags(["bind", "accept"].flatMap { ["-Xlinker", "--export-dynamic-symbol=\($0)"] })
            ]),
        executable(
            "JTS", path: "Services/jts",
            [
                "CQREncode", "JOSE", "StrictJSON", "Contracts", "EventBus", argumentParser, httpClient, nioCore,
                nioSSL, logging,
            ]),
        executable("CedarCLI", path: "Services/cedar", ["Cedar", "StrictJSON", argumentParser]),
        .executableTarget(
            name: "Benchmarks",
            dependencies: [
                "JOSE", "StrictJSON", "Cedar", "SecurityClient", "TestSupport", hummingbird, crypto, cryptoExtras,
                logging, nioCore, nioPosix,
            ], path: "Benchmarks", exclude: ["cedarpy_bench.py"], swiftSettings: settings),

        // MARK: Tests
        .target(
            name: "TestSupport", dependencies: ["StrictJSON", httpClient, crypto, nioCore, nioSSL],
            path: "Tests/TestSupport",
            swiftSettings: settings),
        .target(
            name: "RouteTesting",
            dependencies: [
                "APISecurity", "ServiceKit", "StrictJSON", "TestSupport", hummingbird, httpTypes, logging, lifecycle,
                nioCore,
                nioEmbedded,
            ],
            path: "Tests/RouteTesting", swiftSettings: settings),
        tests("StrictJSONTests", ["StrictJSON"]),
        .testTarget(
            name: "JOSETests", dependencies: ["JOSE", "StrictJSON", crypto, cryptoExtras, "TestSupport"],
            path: "Tests/JOSETests", exclude: ["interop.py"], swiftSettings: settings),
        .testTarget(
            name: "CedarTests", dependencies: ["Cedar", "StrictJSON"], path: "Tests/CedarTests",
            exclude: ["Differential/cedarpy_oracle.py", "Differential/validate_oracle.py"], swiftSettings: settings),
        .testTarget(
            name: "CedarCLITests", dependencies: ["CedarCLI", "Cedar", "StrictJSON"], path: "Tests/CedarCLITests",
            swiftSettings: settings),
        tests("SealingTests", ["Sealing", crypto]),
        tests("ContractsTests", ["Contracts", "StrictJSON"]),
        tests("RateLimitsTests", ["RateLimits", "StrictJSON", structuredFields]),
        tests("RedisTests", ["Redis", nioCore, nioPosix, nioSSL, nioEmbedded, logging]),
        tests("DatabaseTests", ["Database", logging]),
        tests(
            "EventBusTests", ["EventBus", "Contracts", "Database", "Redis", "StrictJSON", logging, nioPosix]),
        tests(
            "ServiceKitTests",
            [
                "ServiceKit", "APISecurity", "StrictJSON", hummingbird, httpClient, httpTypes, nioCore, nioPosix,
                nioSSL, nioEmbedded, lifecycle, logging,
            ]),
        tests(
            "APISecurityTests",
            [
                "APISecurity", "ServiceKit", "Contracts", "StrictJSON", hummingbird, hummingbirdTesting, httpTypes,
                logging, nioCore, nioPosix, nioEmbedded,
            ]),
        tests(
            "SecurityClientTests",
            [
                "SecurityClient", "Cedar", "ServiceKit", "JOSE", "Contracts", "EventBus", "Database", "StrictJSON",
                "APISecurity",
                hummingbird, hummingbirdTesting, httpTypes, crypto, logging, lifecycle,
            ]),
        tests(
            "TokenServiceTests",
            [
                "TokenService", "APISecurity", "SecurityClient", "ServiceKit", "Contracts", "EventBus", "JOSE", "Redis",
                "Database", "Sealing", "StrictJSON", hummingbird, httpTypes, crypto, logging, nioCore, nioPosix,
                nioEmbedded,
            ]),
        .testTarget(
            name: "PolicyServiceTests",
            dependencies: [
                "RouteTesting", "PolicyService", "Cedar", "APISecurity", "SecurityClient", "ServiceKit", "Contracts",
                "EventBus", "Database", "JOSE", "Sealing", "StrictJSON", hummingbird, httpTypes, crypto, logging,
                nioCore, nioEmbedded, "TestSupport",
            ],
            path: "Tests/PolicyServiceTests", exclude: ["todo", "todo-entities.json"], swiftSettings: settings),
        tests(
            "RateLimitServiceTests",
            [
                "RouteTesting", "RateLimitService", "RateLimits", "APISecurity", "SecurityClient", "ServiceKit",
                "Contracts", "EventBus", "Redis", "Database", "StrictJSON", hummingbird, httpTypes, logging, nioCore,
                nioPosix, nioEmbedded,
            ]),
        tests(
            "OrderAPITests",
            [
                "OrderAPI", "APISecurity", "SecurityClient", "ServiceKit", "Contracts", "Database", "EventBus", "JOSE",
                "StrictJSON", hummingbird, httpTypes, logging, nioCore, nioEmbedded,
            ]),
        .testTarget(
            name: "JTSTests", dependencies: ["JTS", "JOSE", "StrictJSON", "TestSupport"], path: "Tests/JTSTests",
            exclude: ["stub.py"], swiftSettings: settings),
        .testTarget(
            name: "EndToEnd", dependencies: ["JOSE", "StrictJSON", "Contracts", "TestSupport", httpClient, crypto],
            path: "Tests/EndToEnd",
            exclude: ["interoperability.py", "login_timing.py", "make_tokens.py", "raw_request.py"],
            swiftSettings: settings),
        tests(
            "Faults",
            [
                "JOSE", "StrictJSON", "Contracts", "EventBus", "SecurityClient", "APISecurity", "ServiceKit", "Cedar",
                httpClient, crypto, logging,
            ]),
    ]
)

// `JTS_BENCH=1`: jwt-kit takes part in the benchmarks; nothing else needs it.
if Context.environment["JTS_BENCH"] == "1" {
    package.dependencies.append(.package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"))
    package.targets.first { $0.name == "Benchmarks" }?.dependencies.append(
        .product(name: "JWTKit", package: "jwt-kit"))
}

// `JTS_ONLY=RedisTests,JOSETests swift test` builds and tests just these targets and what they depend on.
if let only = Context.environment["JTS_ONLY"] {
    var wanted: Set<String> = []
    var pending = only.split(separator: ",").map(String.init)
    while let name = pending.popLast() {
        guard wanted.insert(name).inserted, let target = package.targets.first(where: { $0.name == name }) else {
            continue
        }
        for case .byNameItem(let dependency, _) in target.dependencies { pending.append(dependency) }
    }
    package.targets.removeAll { !wanted.contains($0.name) }
    package.products.removeAll {
        !wanted.isSuperset(of: ($0 as? Product.Library)?.targets ?? ($0 as? Product.Executable)?.targets ?? [])
    }
}
