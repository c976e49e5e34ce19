import HTTPTypes
import Hummingbird
import NIOCore
import StrictJSON

extension Request {
    /// The body as it is, up to the route's limit.
    /// - Parameter mediaType: what `Content-Type` has to be, without parameters; nil takes anything.
    /// - Throws: `Problem` 400, 413, 415.
    public func body(_ context: APIContext, mediaType: String? = nil) async throws -> ByteBuffer {
        let announced = BodyHeaders(headers)
        if let mediaType, !announced.isOf(mediaType) { throw Problem.mediaType(expected: mediaType) }
        if announced.isEncoded {
            throw Problem(
                status: .unsupportedMediaType, type: "unsupported-content-encoding",
                title: "Compressed bodies are not taken", headers: [.acceptEncoding: "identity"])
        }
        let limit = context.bodyLimit
        if let length = announced.length, length > limit { throw Problem.tooLarge(limit: limit) }
        let buffer = try await collect(limit: limit)
        if let length = announced.length, length != buffer.readableBytes {
            throw Problem.badRequest("incomplete-body", detail: "The body ended early.")
        }
        return buffer
    }

    private func collect(limit: Int) async throws -> ByteBuffer {
        do {
            // Most bodies come in one piece, which is then not copied.
            var iterator = body.makeAsyncIterator()
            guard var buffer = try await iterator.next() else { return ByteBuffer() }
            while buffer.readableBytes <= limit, let more = try await iterator.next() {
                buffer.writeImmutableBuffer(more)
            }
            guard buffer.readableBytes <= limit else { throw Problem.tooLarge(limit: limit) }
            return buffer
        } catch let problem as Problem {
            throw problem
        } catch let error as CancellationError {
            throw error
        } catch is NIOTooManyBytesError {
            throw Problem.tooLarge(limit: limit)
        } catch {
            // Broken chunks, a connection that is gone.
            throw Problem.badRequest("unreadable-body", detail: "The body could not be read.")
        }
    }

    /// The body as strict JSON (RFC 8259).
    /// - Throws: `Problem` 400, 413, 415.
    public func json(_ context: APIContext) async throws -> JSONValue {
        let buffer = try await body(context, mediaType: "application/json")
        let limits = context.route?.options.jsonLimits ?? .standard
        let result = buffer.withUnsafeReadableBytes { bytes -> Result<JSONValue, JSONParseError> in
            do throws(JSONParseError) {
                return .success(try JSONValue(parsing: bytes.bindMemory(to: UInt8.self), limits: limits))
            } catch { return .failure(error) }
        }
        switch result {
        case .success(let value): return value
        case .failure(let error):
            throw Problem(
                status: .badRequest, type: "invalid-json", title: "The body is no JSON that is taken here",
                detail: error.description)
        }
    }

    /// The members of a JSON object, to be read one by one; see `BodyFields`.
    public func fields(_ context: APIContext) async throws -> BodyFields {
        guard case .object(let object) = try await json(context) else {
            throw BodyFields.problem([BodyFault(pointer: "", detail: "an object is expected")])
        }
        return BodyFields(object)
    }

    /// The parameters of an `application/x-www-form-urlencoded` body. Repeated ones are refused, unknown ones are the
    /// caller's to ignore (RFC 6749 section 3.2).
    /// - Throws: `Problem` 400, 413, 415.
    public func form(_ context: APIContext) async throws -> FormFields {
        let buffer = try await body(context, mediaType: "application/x-www-form-urlencoded")
        return try FormFields(buffer.readableBytesView)
    }
}
