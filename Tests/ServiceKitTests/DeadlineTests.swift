import NIOCore
import Testing

@testable import ServiceKit

@Suite struct DeadlineTests {
    private static let limits = RequestDeadlines.Limits(
        head: .seconds(10), bodyProgress: .seconds(5), body: .seconds(30), idle: .seconds(60), write: .seconds(20))
    private func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }
    private func connection() -> RequestDeadlines {
        RequestDeadlines(DeadlineTests.limits, carrier: .connection, now: at(0))
    }
    private func read(_ deadlines: inout RequestDeadlines, _ seconds: Int64) {
        deadlines.bytesArrived(at(seconds))
        deadlines.headRead(at(seconds))
        deadlines.endRead(at(seconds))
        deadlines.requestPassedOn()
    }

    @Test func silenceAfterTheConnectionRunsOut() {
        let deadlines = connection()
        #expect(deadlines.expired(at(9)) == nil)
        #expect(deadlines.expired(at(10)) == .connect)
    }

    @Test func theHeadCountsFromTheConnectionHoweverOftenBytesCome() {
        var deadlines = connection()
        for second in 1..<10 { deadlines.bytesArrived(at(Int64(second))) }
        #expect(deadlines.expired(at(9)) == nil)
        #expect(deadlines.expired(at(10)) == .head)
    }

    @Test func theNextHeadCountsFromItsFirstByte() {
        var deadlines = connection()
        read(&deadlines, 1)
        deadlines.answered(at(2))
        #expect(deadlines.expired(at(61)) == nil)
        deadlines.bytesArrived(at(50))
        deadlines.bytesArrived(at(59))
        #expect(deadlines.next?.expiry == .head)
        #expect(deadlines.next?.at == at(60))
    }

    @Test func aBodyMustMoveAndMustEnd() {
        var deadlines = connection()
        deadlines.headRead(at(1))
        #expect(deadlines.expired(at(6)) == .bodyProgress)
        for second in stride(from: 2, to: 31, by: 4) { deadlines.bodyRead(at(Int64(second))) }
        #expect(deadlines.expired(at(30)) == nil)
        deadlines.bodyRead(at(30))
        #expect(deadlines.expired(at(31)) == .body)
    }

    @Test func nobodyIsSlowWhileWeDoNotRead() {
        var deadlines = connection()
        deadlines.headRead(at(1))
        deadlines.requestPassedOn()
        deadlines.readingPauses(at(3))
        #expect(deadlines.expired(at(20)) == nil)
        deadlines.readingResumes(at(20))
        #expect(deadlines.expired(at(22)) == nil)
        #expect(deadlines.expired(at(23)) == .bodyProgress)
        deadlines.readingPauses(at(22))
        // The whole of a body has its limit, whoever is slow.
        #expect(deadlines.expired(at(31)) == .body)
    }

    @Test func readingOnAndOnDoesNotStretchAHead() {
        var deadlines = connection()
        for second in 0..<10 {
            deadlines.bytesArrived(at(Int64(second)))
            deadlines.readingPauses(at(Int64(second)))
            deadlines.readingResumes(at(Int64(second)))
        }
        #expect(deadlines.expired(at(10)) == .head)
    }

    @Test func answeringTakesAsLongAsItTakes() {
        var deadlines = connection()
        read(&deadlines, 1)
        #expect(deadlines.next == nil)
        deadlines.answered(at(500))
        #expect(deadlines.expired(at(559)) == nil)
        #expect(deadlines.expired(at(560)) == .idle)
    }

    @Test func pipelinedRequestsAreAnsweredOneByOne() {
        var deadlines = connection()
        read(&deadlines, 1)
        read(&deadlines, 1)
        deadlines.answered(at(100))
        #expect(deadlines.next == nil)
        deadlines.answered(at(200))
        #expect(deadlines.expired(at(259)) == nil)
        #expect(deadlines.expired(at(260)) == .idle)
    }

    @Test func unreadAnswersRunOutUnlessTheyMove() {
        var deadlines = connection()
        read(&deadlines, 0)
        deadlines.writesBlock(at(1))
        deadlines.writesBlock(at(15))
        #expect(deadlines.expired(at(20)) == nil)
        #expect(deadlines.expired(at(21)) == .write)
        deadlines.writesProgress(at(20))
        #expect(deadlines.expired(at(39)) == nil)
        #expect(deadlines.expired(at(40)) == .write)
        deadlines.writesFlow()
        #expect(deadlines.next == nil)
    }

    @Test func aStreamHasToTakeItsAnswer() {
        var deadlines = RequestDeadlines(DeadlineTests.limits, carrier: .stream, now: at(0))
        read(&deadlines, 0)
        #expect(deadlines.next == nil)
        deadlines.answered(at(3))
        #expect(deadlines.expired(at(22)) == nil)
        #expect(deadlines.expired(at(23)) == .write)
    }

    @Test func anIdleConnectionIsKeptForAMomentWhenTheServerStops() {
        var deadlines = connection()
        read(&deadlines, 0)
        deadlines.answered(at(0))
        deadlines.quiesces(at(5))
        #expect(deadlines.next?.at == at(5) + .milliseconds(500))
        #expect(deadlines.next?.expiry == .quiesce)
        // A request that was on its way is read and answered.
        read(&deadlines, 5)
        #expect(deadlines.next == nil)
    }

    @Test func lingeringPrecedesEverything() {
        var deadlines = connection()
        deadlines.headRead(at(0))
        deadlines.lingers(at(2))
        #expect(deadlines.next?.at == at(3))
        #expect(deadlines.expired(at(3)) == .linger)
    }

    /// Whoever looks again when told to sees everything run out on time, whatever began in between.
    @Test func lookingAgainIsNeverLate() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var deadlines = connection()
            var look = deadlines.lookAgain(at(0))
            for second in 1...400 {
                let now = at(Int64(second))
                if look <= now {
                    if deadlines.expired(now) != nil { break }
                    look = deadlines.lookAgain(now)
                }
                switch Int.random(in: 0..<6, using: &generator) {
                case 0: deadlines.bytesArrived(now)
                case 1: if deadlines.isWithinHead { deadlines.headRead(now) }
                case 2: deadlines.bodyRead(now)
                case 3:
                    if deadlines.isWithinBody {
                        deadlines.endRead(now)
                        deadlines.requestPassedOn()
                    }
                case 4: if deadlines.outstanding > 0 { deadlines.answered(now) }
                default: break
                }
                if let next = deadlines.next { #expect(look <= max(next.at, now)) }
            }
        }
    }
}
