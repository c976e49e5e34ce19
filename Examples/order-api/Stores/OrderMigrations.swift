import Database
import EventBus

/// The schema: orders, and the outbox of the events that tell of them.
enum OrderMigrations {
    static func run(on database: any Database) async throws(DatabaseError) {
        try await Migrator.run(SQLOutbox.migrations, component: "outbox", on: database)
        try await Migrator.run(all, component: "order-api", on: database)
    }

    static let all = [
        Migration(
            number: 1, name: "orders",
            sql: [
                """
                CREATE TABLE orders (
                    id TEXT PRIMARY KEY,
                    owner TEXT NOT NULL,
                    idempotency_key TEXT,
                    symbol TEXT NOT NULL,
                    side TEXT NOT NULL,
                    quantity INTEGER NOT NULL,
                    limit_price TEXT,
                    status TEXT NOT NULL,
                    placed_at INTEGER NOT NULL,
                    cancelled_at INTEGER,
                    UNIQUE (owner, idempotency_key)
                )
                """,
                "CREATE INDEX orders_by_time ON orders (owner, placed_at, id)",
                "CREATE INDEX orders_open ON orders (owner) WHERE status = 'open'",
            ])
    ]
}
