import Database
import EventBus
import Logging
import Redis
import SecurityClient

@testable import TokenService

func makeRevocations(
    _ database: any Database, _ outbox: SQLOutbox, _ redis: RedisClient, _ redisOutbox: RedisOutbox, _ logger: Logger
) -> Revocations {
    Revocations(
        database: database, outbox: outbox, sessions: SessionStore(redis: redis, outbox: redisOutbox),
        local: RevocationSet(), nudge: {}, sessionLifetime: 86_400_000, tokenLifetime: 900_000, logger: logger)
}
