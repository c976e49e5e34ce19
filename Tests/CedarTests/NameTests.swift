import Testing

@testable import Cedar

@Suite("Names")
struct NameTests {
    @Test("a name is a path of identifiers")
    func paths() {
        let long = "A::B::c_1"
        #expect(Name(long)?.base == "c_1")
        #expect(Name(long)?.namespace == "A::B")
        #expect(Name(String("A"))?.namespace == nil)
        for bad in ["", "1a", "a:b", "a::", "::a", "a::in", "true", "a b", "é", "a:::b"] { #expect(Name(bad) == nil) }
    }

    @Test("strings are equal by scalars, not by canonical equivalence")
    func scalars() {
        #expect(CedarString("é") != CedarString("e\u{301}"))
        #expect(Set([CedarString("é"), CedarString("e\u{301}")]).count == 2)
    }
}
