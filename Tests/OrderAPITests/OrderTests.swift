import StrictJSON
import Testing

@testable import OrderAPI

@Suite struct OrderTests {
    @Test(arguments: ["1", "0.5", "1.0825", "999999999999.99999999", "0.00000001", "10", "100.10"])
    func pricesAreTakenAsTheyAreWritten(_ text: String) {
        #expect(Price(text)?.text == text)
    }

    @Test(
        arguments: [
            "", "0", "0.0", "0.00000000", "-1", "+1", "1.", ".5", "01", "00.5", "1.123456789", "1234567890123", "1e3",
            "1,5", " 1", "1 ", "1.2.3", "1\0", "١", "NaN", "inf", "0x10", "1.-5",
        ])
    func whatIsNoPriceIsNotTaken(_ text: String) {
        #expect(Price(text) == nil)
    }

    @Test(arguments: ["EURUSD", "BRK.B", "ES-2027", "BTC/USD", "X", "6E_Z", String(repeating: "A", count: 32)])
    func symbolsAreTaken(_ text: String) { #expect(Symbol.isValid(text)) }

    @Test(arguments: ["", "eurusd", "EUR USD", ".B", "/X", "ÄÖ", "A\0", "A'B", String(repeating: "A", count: 33)])
    func whatIsNoSymbolIsNotTaken(_ text: String) { #expect(!Symbol.isValid(text)) }

    @Test func anOrderShowsWhatItIsAndNotWhose() throws {
        var order = Order(
            id: "0c6f0f6e-6d0c-4b6e-8a5d-1c1f6a4c9b11", owner: "usr_maria",
            terms: Order.Terms(symbol: "EURUSD", side: .sell, quantity: 7, limitPrice: Price("1.10")),
            placedAt: 1_800_000_000_250)
        #expect(
            order.json() == [
                "id": "0c6f0f6e-6d0c-4b6e-8a5d-1c1f6a4c9b11", "status": "open", "symbol": "EURUSD", "side": "sell",
                "quantity": 7, "limit_price": "1.10", "placed_at": "2027-01-15T08:00:00.250Z",
            ])
        order.status = .cancelled
        order.cancelledAt = 1_800_000_001_000
        #expect(order.json()["status"] == "cancelled")
        #expect(order.json()["cancelled_at"] == "2027-01-15T08:00:01.000Z")
    }
}
