import Contracts
import Testing

/// DESIGN's "Identity between services": what happens to an act when freshness is lost.
@Suite struct PermissionTests {
    @Test(arguments: [Permission.placeOrders, .modifyOrders, .modifyStrategies, .overrideRisk])
    func increasing(permission: Permission) {
        #expect(permission.risk == .increasing)
    }

    @Test(arguments: [Permission.cancelOrders, .flattenPositions, .useKillSwitch, .revokeSessions])
    func reducing(permission: Permission) {
        #expect(permission.risk == .reducing)
    }

    @Test(arguments: [
        Permission.viewPositions, .viewOrders, .readUsers, .writeUsers, .readServiceAccounts, .writeServiceAccounts,
        .readSessions, .readKeys, .writeKeys, .ownAccount, .introspectTokens,
    ]) func neutral(permission: Permission) {
        #expect(permission.risk == .neutral)
    }

    /// Only what was classified as reducing goes through without freshness: a name that is merely like one does not.
    @Test(arguments: ["", "orders:cancel ", "Orders:Cancel", "orders:cancel:all", "orders", "funds:withdraw", "*"])
    func unknownIsNotReducing(name: String) {
        #expect(Permission(name).risk == .neutral)
    }

    @Test func names() {
        #expect(Permission(rawValue: "orders:place") == .placeOrders)
        #expect(Permission("orders:place").description == "orders:place")
        #expect("orders:place" as Permission == .placeOrders)
        #expect(Set([Permission.placeOrders, .modifyOrders, "orders:place"]).count == 2)
    }
}
