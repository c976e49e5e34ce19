extension LimitProblem {
    /// The status of a refusal (draft-ietf-httpapi-ratelimit-headers, section "Update HTTP Problem Type registry").
    package var status: Int {
        switch self {
        case .quotaExceeded, .abnormalUsageDetected: 429
        case .temporaryReducedCapacity: 503
        }
    }

    package var title: String {
        switch self {
        case .quotaExceeded: "Request cannot be satisfied as assigned quota has been exceeded"
        case .temporaryReducedCapacity: "Request cannot be satisfied due to temporary server capacity constraints"
        case .abnormalUsageDetected: "Request not satisfied due to detection of abnormal request pattern"
        }
    }
}
