/// RSA moduli of the generator of CVE-2017-15361, whose private keys can be computed (Nemec and others, "The Return of
/// Coppersmith's Attack", 2017, section 2.2).
enum ROCA {
    /// For each small prime the residues that such a modulus can have: the powers of 65,537, as a set of bits. The
    /// primes left out are those whose every residue but zero is a power of it.
    private static let residues: [(prime: Int, powers: [Bool])] = [
        11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
    ].map { prime in
        var powers = [Bool](repeating: false, count: prime)
        var power = 1
        while !powers[power] {
            powers[power] = true
            power = power * 65_537 % prime
        }
        return (prime, powers)
    }

    /// Whether `modulus` (big endian) has the generator's mark in every residue; one in 200 million others has it by
    /// chance. The first prime settles four of five keys.
    static func marks(_ modulus: [UInt8]) -> Bool {
        residues.allSatisfy { prime, powers in
            powers[modulus.reduce(0) { ($0 << 8 | Int($1)) % prime }]
        }
    }
}
