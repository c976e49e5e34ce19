import ArgumentParser
import Cedar
import StrictJSON

struct LinkCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "link", abstract: "Make a policy of a template.",
        discussion: """
            The policy is printed; with --template-linked the link is added to that file, which is made when it is not \
            there, and which other commands take.
            """)

    @OptionGroup var policies: PolicyOptions
    @Option(help: ArgumentHelp("The template.", valueName: "id"))
    var templateId: String
    @Option(name: [.short, .long], help: ArgumentHelp("What the policy is to be called.", valueName: "id"))
    var newId: String
    @Option(
        name: [.short, .long],
        help: ArgumentHelp("What fills the slots, as {\"?principal\": \"User::\\\"alice\\\"\"}.", valueName: "json"))
    var arguments: String

    func run(in terminal: any Terminal) throws -> ExitStatus {
        var set = try LoadedPolicies(Source(policies.policies, terminal), policies.policyFormat, policies.ids).set
        var links = try policies.templateLinked.map { path throws(Fault) in
            try TemplateLinks(file: path, mayBeMissing: true)
        }
        try links?.apply(to: &set)
        let source = Source(name: "--arguments", text: arguments)
        let json = try source.json()
        let values = try Fault.reading(source) { () throws(Diagnostics) in try TemplateLinks.values(json) }
        let link = TemplateLink(id: PolicyID(newId), template: PolicyID(templateId), values: values)
        do throws(PolicySetError) { try set.link(link) } catch { throw Fault(error.description) }
        links?.append(link)
        if let path = policies.templateLinked, let links {
            try Source.write(links.json.encodedString() + "\n", to: path)
        }
        if let policy = set.policy(link.id) { terminal.print(policy.text) }
        return .done
    }
}
