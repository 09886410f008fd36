/// An error of the Kurento API: its code, the name that goes into `data.type`, and a sentence.
struct KurentoError: Error, Hashable {
    enum Code: Int64 {
        case marshalError = 40001
        case unexpectedError = 40003
        case connectError = 40004
        case unsupportedMediaType = 40005
        case notImplemented = 40006
        case invalidSession = 40007
        case malformedTransaction = 40008
        case notEnoughResources = 40009
        case mediaObjectNotFound = 40101
        case mediaObjectEventNotSupported = 40106
        case mediaObjectIllegalParameter = 40107
        case mediaObjectNotAvailable = 40108
        case mediaObjectNotFoundTransactionNoCommit = 40109
        case mediaObjectTagKeyNotFound = 40110
        case mediaObjectOperationNotSupported = 40111
        case sdpCreateError = 40200
        case sdpParseError = 40201
        case sdpNoLocalDescription = 40202
        case sdpNoRemoteDescription = 40203
        case sdpGenerateOfferError = 40204
        case sdpProcessOfferError = 40205
        case sdpProcessAnswerError = 40206
        case sdpAlreadyNegotiated = 40208
        case sdpNotOfferGenerated = 40209
        case sdpAnswerAlreadyProcessed = 40210
        case iceGatherCandidatesError = 40400
        case iceAddCandidateError = 40401
        case kmdNotFound = 40500
        case playerSeekFail = 40700

        /// As clients see it in `data.type`, with the reference server's spelling.
        var name: String {
            switch self {
            case .marshalError: "MARSHALL_ERROR"
            case .unexpectedError: "UNEXPECTED_ERROR"
            case .connectError: "CONNECT_ERROR"
            case .unsupportedMediaType: "UNSUPPORTED_MEDIA_TYPE"
            case .notImplemented: "NOT_IMPLEMENTED"
            case .invalidSession: "INVALID_SESSION"
            case .malformedTransaction: "MALFORMED_TRANSACTION"
            case .notEnoughResources: "NOT_ENOUGH_RESOURCES"
            case .mediaObjectNotFound: "MEDIA_OBJECT_NOT_FOUND"
            case .mediaObjectEventNotSupported: "MEDIA_OBJECT_EVENT_NOT_SUPPORTED"
            case .mediaObjectIllegalParameter: "MEDIA_OBJECT_ILLEGAL_PARAM_ERROR"
            case .mediaObjectNotAvailable: "MEDIA_OBJECT_NOT_AVAILABLE"
            case .mediaObjectNotFoundTransactionNoCommit: "MEDIA_OBJECT_NOT_FOUND_TRANSACTION_NO_COMMIT"
            case .mediaObjectTagKeyNotFound: "MEDIA_OBJECT_TAG_KEY_NOT_FOUND"
            case .mediaObjectOperationNotSupported: "MEDIA_OBJECT_OPERATION_NOT_SUPPORTED"
            case .sdpCreateError: "SDP_CREATE_ERROR"
            case .sdpParseError: "SDP_PARSE_ERROR"
            case .sdpNoLocalDescription: "SDP_END_POINT_NO_LOCAL_SDP_ERROR"
            case .sdpNoRemoteDescription: "SDP_END_POINT_NO_REMOTE_SDP_ERROR"
            case .sdpGenerateOfferError: "SDP_END_POINT_GENERATE_OFFER_ERROR"
            case .sdpProcessOfferError: "SDP_END_POINT_PROCESS_OFFER_ERROR"
            case .sdpProcessAnswerError: "SDP_END_POINT_PROCESS_ANSWER_ERROR"
            case .sdpAlreadyNegotiated: "SDP_END_POINT_ALREADY_NEGOTIATED"
            case .sdpNotOfferGenerated: "SDP_END_POINT_NOT_OFFER_GENERATED"
            case .sdpAnswerAlreadyProcessed: "SDP_END_POINT_ANSWER_ALREADY_PROCCESED"
            case .iceGatherCandidatesError: "ICE_GATHER_CANDIDATES_ERROR"
            case .iceAddCandidateError: "ICE_ADD_CANDIDATE_ERROR"
            case .kmdNotFound: "UNDEFINED"
            case .playerSeekFail: "PLAYER_SEEK_FAIL"
            }
        }
    }

    var code: Code
    var message: String
    /// Seconds after which the same request may succeed; nil when nobody can say.
    var retryAfter: Int?

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    static func objectNotFound(_ id: String) -> KurentoError {
        id.hasPrefix("newref:")
            ? KurentoError(.mediaObjectNotFoundTransactionNoCommit, "Object '\(id)' not found")
            : KurentoError(.mediaObjectNotFound, "Object '\(id)' not found")
    }
}
