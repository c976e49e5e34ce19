/// Elements that never change, at one place of memory, so that what is compiled can point to them and reading them counts
/// no references.
///
/// Unchecked, as it holds a pointer: it is written once, and lives as long as the object. Elements are values, or refer to
/// what never changes either, which the compiler cannot be told of unmanaged references.
final class FixedArray<Element>: @unchecked Sendable {
    let start: UnsafePointer<Element>
    let count: Int

    init(_ elements: [Element]) {
        // Something to point to also when there is nothing.
        let place = UnsafeMutablePointer<Element>.allocate(capacity: max(1, elements.count))
        place.initialize(from: elements, count: elements.count)
        start = UnsafePointer(place)
        count = elements.count
    }

    deinit {
        let place = UnsafeMutablePointer(mutating: start)
        place.deinitialize(count: count)
        place.deallocate()
    }

    var elements: UnsafeBufferPointer<Element> { UnsafeBufferPointer(start: start, count: count) }
}
