import Testing

@testable import Cedar

@Suite struct IPAddressTests {
    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
        ("10.0.0.0/8", "10.0.0.0/8"), ("10.1.2.3/8", "10.1.2.3/8"), ("1.2.3.4/32", "1.2.3.4"),
        ("1.2.3.4/0", "1.2.3.4/0"),
        ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("FFEE::/64", "ffee::/64"), ("::/0", "::/0"), ("::1/128", "::1"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("0001:02:003::", "1:2:3::"),
        ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"), ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("1:0:0:2:3:0:0:4", "1::2:3:0:0:4"),
        ("::ffff:c0a8:1", "::ffff:c0a8:1"), ("2001:db8::1/32", "2001:db8::1/32"),
        ("ABCD:EF01:2345:6789:ABCD:EF01:2345:6789/128", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"),
    ])
    func reads(_ text: String, _ printed: String) throws {
        let value = try #require(ExtensionValue.IPAddress(parsing: text))
        #expect(value.description == printed)
        #expect(ExtensionValue.IPAddress(parsing: printed) == value)
    }

    @Test(arguments: [
        "", "/", "/8", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.04", "1.2.3.", ".1.2.3", "1..2.3",
        "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/08", "1.2.3.4/00", "1.2.3.4/032", "1.2.3.4/8/8", "1.2.3.4/-1", "1.2.3.4/+8",
        "1.2.3.4 ", " 1.2.3.4", "1.2.3.4:80", "a.b.c.d", "0x7f.0.0.1", "::/129", "::/064", "::/0128", ":", ":::", ":1",
        "1:", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "::1::", "1:2:3:4::5:6:7:8", "12345::", "::g",
        "::ffff:1.2.3.4",
        "::127.0.0.1", "::1%eth0", "[::1]", "1:2:3:4:5:6:7:8:", ":1:2:3:4:5:6:7", "::1/128 ",
        "ABCD:EF01:2345:6789:ABCD:EF01:2345:6789/0128", "１.2.3.4", "1.2.3.4\n",
    ])
    func refuses(_ text: String) { #expect(ExtensionValue.IPAddress(parsing: text) == nil) }

    @Test(arguments: [
        (#"ip("127.0.0.1").isIpv4()"#, true), (#"ip("::1").isIpv4()"#, false), (#"ip("::1").isIpv6()"#, true),
        (#"ip("::ffff:7f00:1").isIpv6()"#, true),
        (#"ip("127.0.0.1").isLoopback()"#, true), (#"ip("127.0.0.1/8").isLoopback()"#, true),
        (#"ip("127.0.0.1/7").isLoopback()"#, false), (#"ip("::1").isLoopback()"#, true),
        (#"ip("::1/127").isLoopback()"#, false), (#"ip("::2").isLoopback()"#, false),
        (#"ip("::ffff:7f00:1").isLoopback()"#, false),
        (#"ip("224.0.0.1").isMulticast()"#, true), (#"ip("224.0.0.1/4").isMulticast()"#, true),
        (#"ip("224.0.0.1/3").isMulticast()"#, false), (#"ip("240.0.0.0").isMulticast()"#, false),
        (#"ip("ff00::2").isMulticast()"#, true), (#"ip("ff00::/8").isMulticast()"#, true),
        (#"ip("ff00::/7").isMulticast()"#, false), (#"ip("fe80::1").isMulticast()"#, false),
        (#"ip("192.168.0.1").isInRange(ip("192.168.0.0/24"))"#, true),
        (#"ip("192.168.1.1").isInRange(ip("192.168.0.0/24"))"#, false),
        (#"ip("192.168.0.0/24").isInRange(ip("192.168.0.77/16"))"#, true),
        (#"ip("192.168.0.0/16").isInRange(ip("192.168.0.0/24"))"#, false),
        (#"ip("1.2.3.4").isInRange(ip("0.0.0.0/0"))"#, true), (#"ip("0.0.0.0/0").isInRange(ip("1.2.3.4/0"))"#, true),
        (#"ip("1.2.3.4").isInRange(ip("1.2.3.4"))"#, true), (#"ip("1.2.3.4").isInRange(ip("1.2.3.5"))"#, false),
        (#"ip("1.2.3.4").isInRange(ip("::/0"))"#, false), (#"ip("::1").isInRange(ip("0.0.0.0/0"))"#, false),
        (#"ip("2001:db8::1").isInRange(ip("2001:db8::/32"))"#, true), (#"ip("::5").isInRange(ip("ffff::/0"))"#, true),
        (#"ip("10.0.0.0") == ip("10.0.0.0/32")"#, true), (#"ip("10.0.0.0/24") == ip("10.0.0.1/24")"#, false),
        (#"ip("::ffff:102:304") == ip("1.2.3.4")"#, false),
    ])
    func answers(_ expression: String, _ result: Bool) throws {
        #expect(try TestWorld().evaluate(expression) == .bool(result), "\(expression)")
    }
}
