import HTTPTypes

/// What the headers of a request say of its body, read in one pass.
struct BodyHeaders {
    private(set) var mediaType: String?
    private var isTypeRepeated = false
    private(set) var isEncoded = false
    /// `Content-Length`; nil for chunks, and for what is no number.
    private(set) var length: Int?

    init(_ headers: HTTPFields) {
        for field in headers {
            switch field.name {
            case .contentType:
                isTypeRepeated = mediaType != nil
                mediaType = field.value
            case .contentEncoding: isEncoded = isEncoded || field.value.lowercased() != "identity"
            case .contentLength: length = Int(field.value)
            default: break
            }
        }
    }

    /// Whether the media type is this one, in UTF-8. RFC 9110 section 8.3.1: names compare without case.
    func isOf(_ expected: String) -> Bool {
        guard let mediaType, !isTypeRepeated else { return false }
        if mediaType == expected { return true }
        let parts = mediaType.split(separator: ";", omittingEmptySubsequences: false).map {
            BodyHeaders.trim($0).lowercased()
        }
        guard parts.first == expected else { return false }
        // JSON knows no parameters (RFC 8259 section 11), but many clients say its only character set.
        return parts.dropFirst().allSatisfy { ["", "charset=utf-8", "charset=\"utf-8\""].contains($0) }
    }

    private static func trim(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while let last = text.last, last == " " || last == "\t" { text = text.dropLast() }
        return text
    }
}
