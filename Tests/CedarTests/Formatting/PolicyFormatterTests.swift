import Testing

@testable import Cedar

@Suite("Formatter")
struct PolicyFormatterTests {
    private func format(_ text: String, width: Int = 80) throws -> String {
        try PolicyFormatter(lineWidth: width).format(text)
    }

    @Test("what fits stands on a line")
    func short() throws {
        #expect(
            try format("@id ( \"x\" )permit(principal,action,resource)when{principal.a>1&&!context.b}unless{true};")
                == """
                @id("x")
                permit (principal, action, resource)
                when { principal.a > 1 && !context.b }
                unless { true };

                """)
        #expect(try format("") == "")
        #expect(try format("// only this\n") == "// only this\n")
    }

    @Test("what does not fit is broken at the outermost place")
    func long() throws {
        let text = """
            permit (
              principal == User::"alice",
              action in [Action::"view", Action::"edit", Action::"delete"],
              resource is Photo in Album::"jane_vacation"
            )
            when
            {
              principal.department == "engineering" &&
              (resource.owner == principal || resource.readers.contains(principal)) &&
              if context.mfa
                then true
                else [
                  1, 2
                ].contains(principal.level)
            };

            """
        // `if` is no operand of `&&`.
        #expect(throws: Diagnostics.self) { try format(text) }
        #expect(
            try format(
                """
                permit(principal == User::"alice", action in [Action::"view", Action::"edit"], resource is Photo in Album::"v")
                when { principal.department == "engineering" && (resource.owner == principal || resource.readers.contains(principal)) };
                forbid(principal, action, resource) when { if context.authenticated.with.multiple.factors then principal.level > 3 else {level: 1}.level == 2 };
                """)
                    == """
                    permit (
                      principal == User::"alice",
                      action in [Action::"view", Action::"edit"],
                      resource is Photo in Album::"v"
                    )
                    when {
                      principal.department == "engineering" &&
                      (resource.owner == principal || resource.readers.contains(principal))
                    };

                    forbid (principal, action, resource)
                    when {
                      if context.authenticated.with.multiple.factors
                        then principal.level > 3
                        else {level: 1}.level == 2
                    };

                    """)
    }

    @Test("comments stay where they are")
    func comments() throws {
        let text = """
            // About the file.

            // About the policy,
            // in two lines.
            @id("x") // behind
            permit ( // open
              principal, // who
              // how
              action,
              resource
              // no more
            )
            // why
            when { // so
              context.a && // first
              // second
              context.b
              // last
            }; // done

            // at the end

            // really

            """
        #expect(try format(text) == text)
        #expect(
            try format("permit(principal,action,resource)when{[//a\n]==[1,//b\n2//c\n]//d\n}//e\n;//f")
                == """
                permit (principal, action, resource)
                when {
                  [ //a
                  ] ==
                    [
                      1, //b
                      2 //c
                    ] //d
                } //e
                ; //f

                """)
    }

    @Test("widths are those asked for")
    func widths() throws {
        let text = "permit (principal, action, resource)\nwhen { principal.a == 1 };\n"
        #expect(try format(text, width: 36) == text)
        #expect(
            try PolicyFormatter(lineWidth: 20, indentWidth: 4).format(text) == """
                permit (
                    principal,
                    action,
                    resource
                )
                when {
                    principal.a == 1
                };

                """)
        #expect(throws: Never.self) { try PolicyFormatter(lineWidth: -1, indentWidth: -1).format(text) }
    }

    @Test("a text that cannot be read is refused")
    func refused() {
        #expect(throws: Diagnostics.self) { try format("permit (principal, action, resource)") }
        #expect(throws: Diagnostics.self) { try format("permit (principal, action, resource) when { \"\\q\" };") }
    }

    /// What is wrong with how a text is formatted: nothing may be lost, and formatting again changes nothing.
    private static func faults(of text: String, _ formatter: PolicyFormatter) throws -> [String] {
        var faults: [String] = []
        let formatted = try formatter.format(text)
        let (before, after) = (CommentedToken.all(of: text), CommentedToken.all(of: formatted))
        if before.map(\.text) != after.map(\.text) { faults.append("tokens") }
        for (old, new) in zip(before, after)
        where old.leading.map(\.text) != new.leading.map(\.text) || old.trailing != new.trailing {
            faults.append("comments at \(old.text)")
        }
        let (old, new) = (try PolicySet(parsing: text), try PolicySet(parsing: formatted))
        if (old.policies + old.templates).map(\.unplaced) != (new.policies + new.templates).map(\.unplaced) {
            faults.append("policies")
        }
        if try formatter.format(formatted) != formatted { faults.append("twice") }
        if formatted.split(separator: "\n").contains(where: { $0.hasSuffix(" ") }), !text.contains("\"") {
            faults.append("white space at the end of a line")
        }
        return faults
    }

    @Test("every text of the corpus keeps its tokens and comments, and is formatted once and for all")
    func corpus() async throws {
        let corpus = try Corpus.shared.get()
        let failures = await Corpus.check(corpus.generated + corpus.handwritten) { test in
            try Self.faults(of: test.policies, PolicyFormatter())
        }
        #expect(failures == [])
    }

    @Test("comments at any place, and lines of any width", arguments: 0..<30)
    func randomComments(seed: Int) throws {
        var generator = RandomExpr(seed: UInt64(5000 + seed))
        for _ in 0..<30 {
            var text = ""
            for _ in 0..<2 {
                for token in CommentedToken.all(of: generator.policy(depth: 4).text) {
                    text += token.text + generator.pick(["", " ", "\n", "\n\n", "\r\n"])
                    while generator.chance(10) {
                        text += generator.pick(["// one \n", "\n//two\n", "\n\n// three\r\n", "//\n"])
                    }
                    // Words must not grow together.
                    text += " "
                }
            }
            let width = Int.random(in: 1...120, using: &generator.random)
            let faults = try Self.faults(of: text, PolicyFormatter(lineWidth: width))
            #expect(faults == [], "width \(width): \(text)")
        }
    }
}
