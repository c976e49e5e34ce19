import ServiceKit

typealias OffLoop = ServiceKit.OffLoop
