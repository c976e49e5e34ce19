import APISecurity
import StrictJSON

/// Puts together what concerns people and service accounts, and registers its routes.
enum PeopleRoutes {
    static func register(
        on router: SecureRouter, platform: Platform, sessions: any SessionIssuer, revocations: Revocations,
        hasher: PasswordHasher
    ) throws {
        let blocklist = try PasswordBlocklist(contentsOf: platform.configuration.passwordBlocklistFile)
        let people = people(
            platform, sessions: sessions, revocations: revocations, hasher: hasher, blocklist: blocklist)
        let tokens = MFATokenStore(redis: platform.redis, outbox: platform.redisOutbox)
        let signIn = SignIn(
            users: people.users, attempts: people.attempts, tokens: tokens, factor: people.factor, hasher: hasher,
            sessions: sessions, catalogue: platform.catalogue, clock: platform.clock, nudge: revocations.nudge,
            logger: platform.logger)
        register(
            people, signIn: signIn,
            recovery: RecoveryStore(
                database: platform.database, outbox: platform.outbox, users: people.users, factors: people.factors),
            services: ServiceAccountStore(
                database: platform.database, outbox: platform.outbox, revocations: revocations,
                catalogue: platform.catalogue),
            on: router)
    }

    static func register(
        _ people: People, signIn: SignIn, recovery: RecoveryStore, services: ServiceAccountStore,
        on router: SecureRouter
    ) {
        LoginAPI(signIn: signIn, proof: people.proof, services: services).register(on: router)
        StepUpAPI(people: people).register(on: router)
        MeAPI(people: people).register(on: router)
        FactorsAPI(people: people).register(on: router)
        UsersAPI(people: people).register(on: router)
        RecoveryAPI(people: people, store: recovery).register(on: router)
        ServiceAccountsAPI(people: people, store: services).register(on: router)
    }

    static func people(
        _ platform: Platform, sessions: any SessionIssuer, revocations: Revocations, hasher: PasswordHasher,
        blocklist: PasswordBlocklist
    ) -> People {
        let users = UserStore(
            database: platform.database, outbox: platform.outbox, revocations: revocations,
            catalogue: platform.catalogue)
        let factors = FactorStore(
            database: platform.database, outbox: platform.outbox, sealer: platform.sealer, users: users)
        let attempts = AttemptStore(redis: platform.redis, outbox: platform.redisOutbox, sealer: platform.sealer)
        let codes = RecoveryCodes(key: platform.sealer.derive(label: "recovery-codes"))
        return People(
            users: users, factors: factors, attempts: attempts,
            factor: SecondFactor(factors: factors, attempts: attempts, codes: codes, clock: platform.clock),
            codes: codes, policy: PasswordPolicy(blocklist: blocklist), hasher: hasher, sessions: sessions,
            proof: KeyProof(
                redis: platform.redis, publicURL: platform.configuration.issuer, clock: platform.clock),
            catalogue: platform.catalogue,
            idempotency: IdempotencyStore(redis: platform.redis, sealer: platform.sealer),
            clock: platform.clock, nudge: revocations.nudge, logger: platform.logger)
    }
}
