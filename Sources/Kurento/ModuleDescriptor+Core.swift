extension ModuleDescriptor {
    /// Module `core`: what every media object can do, pipelines, and elements in general.
    static let core = ModuleDescriptor(name: "core", declaration: coreClasses + coreTypes + coreStatistics)

    private static let coreClasses = """
        class MediaObject abstract
          final mediaPipeline:MediaPipeline
          final parent:MediaObject
          final id:String
          readonly children:MediaObject[]
          property name:String
          property sendTagsInEvents:boolean=false
          final creationTime:int
          method addTag(key:String, value:String)
          method removeTag(key:String)
          method getTag(key:String) -> String
          method getTags() -> Tag[]
          events Error
        class ServerManager extends MediaObject abstract
          readonly info:ServerInfo
          readonly pipelines:MediaPipeline[]
          readonly sessions:String[]
          readonly metadata:String
          method getKmd(moduleName:String) -> String
          method getCpuCount() -> int
          method getUsedCpu(interval:int=1000) -> float
          method getUsedMemory() -> int64
          events ObjectCreated ObjectDestroyed
        class MediaPipeline extends MediaObject
          new()
          property latencyStats:boolean=false
          method getGstreamerDot(details:GstreamerDotDetails?) -> String
          method dumpGstreamerDot(details:GstreamerDotDetails?)
        class MediaElement extends MediaObject abstract
          property encoderBitrate:int=300000
          property minEncoderBitrate:int
          property maxEncoderBitrate:int
          method getSourceConnections(mediaType:MediaType?, description:String?) -> ElementConnectionData[]
          method getSinkConnections(mediaType:MediaType?, description:String?) -> ElementConnectionData[]
          method connect(sink:MediaElement, mediaType:MediaType?, sourceMediaDescription:String?, \
        sinkMediaDescription:String?)
          method disconnect(sink:MediaElement, mediaType:MediaType?, sourceMediaDescription:String?, \
        sinkMediaDescription:String?)
          method setAudioFormat(caps:AudioCaps)
          method setVideoFormat(caps:VideoCaps)
          method dumpGstreamerDot(details:GstreamerDotDetails?)
          method getGstreamerDot(details:GstreamerDotDetails?) -> String
          method getStats(mediaType:MediaType?) -> Stats<>
          method isMediaFlowingIn(mediaType:MediaType, sinkMediaDescription:String?="default") -> boolean
          method isMediaFlowingOut(mediaType:MediaType, sourceMediaDescription:String?="default") -> boolean
          method isMediaTranscoding(mediaType:MediaType, binName:String?="default") -> boolean
          events ElementConnected ElementDisconnected MediaFlowOutStateChanged MediaFlowInStateChanged \
        MediaTranscodingStateChanged
        class PassThrough extends MediaElement
          new(mediaPipeline:MediaPipeline)
        class Hub extends MediaObject abstract
          method getGstreamerDot(details:GstreamerDotDetails?) -> String
          method dumpGstreamerDot(details:GstreamerDotDetails?)
        class HubPort extends MediaElement
          new(hub:Hub)
        class Filter extends MediaElement abstract
        class Endpoint extends MediaElement abstract
        class UriEndpoint extends Endpoint abstract
          final uri:String
          readonly state:UriEndpointState
          method pause()
          method stop()
          events UriEndpointStateChanged
        event UriEndpointStateChanged extends Media state:UriEndpointState
        enum UriEndpointState STOP START PAUSE
        class SessionEndpoint extends Endpoint abstract
          events MediaSessionTerminated MediaSessionStarted
        class SdpEndpoint extends SessionEndpoint abstract
          property maxAudioRecvBandwidth:int=0
          property maxVideoRecvBandwidth:int=0
          method generateOffer(options:OfferOptions?) -> String
          method processOffer(offer:String) -> String
          method processAnswer(answer:String) -> String
          method getLocalSessionDescriptor() -> String
          method getRemoteSessionDescriptor() -> String
        class BaseRtpEndpoint extends SdpEndpoint abstract
          property minVideoRecvBandwidth:int=0
          property minVideoSendBandwidth:int=100
          property maxVideoSendBandwidth:int=500
          readonly mediaState:MediaState
          readonly connectionState:ConnectionState
          property mtu:int=1200
          property rembParams:RembParams
          method requestKeyframe()
          events MediaStateChanged ConnectionStateChanged

        """

    private static let coreTypes = """
        event RaiseBase source:MediaObject, timestampMillis:String, tags:Tag[]
        event Error extends RaiseBase description:String, errorCode:int, type:String
        event Media extends RaiseBase type:String
        event MediaSessionTerminated extends Media
        event MediaSessionStarted extends Media
        event ObjectCreated extends RaiseBase object:MediaObject
        event ObjectDestroyed extends RaiseBase objectId:String
        event MediaStateChanged extends Media oldState:MediaState, newState:MediaState
        event ConnectionStateChanged extends Media oldState:ConnectionState, newState:ConnectionState
        event MediaFlowOutStateChanged extends Media state:MediaFlowState, padName:String, mediaType:MediaType
        event MediaFlowInStateChanged extends Media state:MediaFlowState, padName:String, mediaType:MediaType
        event MediaTranscodingStateChanged extends Media state:MediaTranscodingState, binName:String, \
        mediaType:MediaType
        event ElementConnected extends Media sink:MediaElement, mediaType:MediaType, \
        sourceMediaDescription:String, sinkMediaDescription:String
        event ElementDisconnected extends Media sink:MediaElement, mediaType:MediaType, \
        sourceMediaDescription:String, sinkMediaDescription:String
        enum ServerType KMS KCS
        enum GstreamerDotDetails SHOW_MEDIA_TYPE SHOW_CAPS_DETAILS SHOW_NON_DEFAULT_PARAMS SHOW_STATES \
        SHOW_FULL_PARAMS SHOW_ALL SHOW_VERBOSE
        enum MediaState DISCONNECTED CONNECTED
        enum MediaFlowState FLOWING NOT_FLOWING
        enum MediaTranscodingState TRANSCODING NOT_TRANSCODING
        enum ConnectionState DISCONNECTED CONNECTED
        enum MediaType AUDIO DATA VIDEO
        enum FilterType AUDIO AUTODETECT VIDEO
        enum VideoCodec H265 AV1 VP9 VP8 H264 RAW
        enum AudioCodec OPUS PCMU PCMA RAW
        struct ServerInfo version:String, modules:ModuleInfo[], type:ServerType, capabilities:String[]
        struct ModuleInfo version:String, name:String, generationTime:String, factories:String[]
        struct Fraction numerator:int, denominator:int
        struct AudioCaps codec:AudioCodec, bitrate:int
        struct VideoCaps codec:VideoCodec, framerate:Fraction
        struct ElementConnectionData source:MediaElement, sink:MediaElement, type:MediaType, \
        sourceDescription:String, sinkDescription:String
        struct Tag key:String, value:String
        struct CodecConfiguration name:String?, properties:String<>?
        struct RembParams packetsRecvIntervalTop:int?=100, exponentialFactor:float?=0.04, linealFactorMin:int?, \
        linealFactorGrade:float?=30, decrementFactor:float?=0.5, thresholdFactor:float?=0.8, upLosses:int?=12, \
        rembOnConnect:int?=300000
        struct OfferOptions offerToReceiveAudio:boolean?=true, offerToReceiveVideo:boolean?=true

        """

    private static let coreStatistics = """
        enum StatsType inboundrtp outboundrtp session datachannel track transport candidatepair localcandidate \
        remotecandidate element endpoint
        struct MediaLatencyStat name:String, type:MediaType, avg:double
        struct Stats id:String, type:StatsType, timestampMillis:int64
        struct ElementStats extends Stats inputLatency:MediaLatencyStat[]
        struct EndpointStats extends ElementStats E2ELatency:MediaLatencyStat[]
        struct RTCStats extends Stats
        struct RTCRTPStreamStats extends RTCStats ssrc:String, associateStatsId:String, isRemote:boolean, \
        mediaTrackId:String, transportId:String, codecId:String, firCount:int64, pliCount:int64, nackCount:int64, \
        sliCount:int64, remb:int64, packetsLost:int64, fractionLost:double
        struct RTCCodec extends RTCStats payloadType:int64, codec:String, clockRate:int64, channels:int64, \
        parameters:String
        struct RTCInboundRTPStreamStats extends RTCRTPStreamStats packetsReceived:int64, bytesReceived:int64, \
        jitter:double
        struct RTCOutboundRTPStreamStats extends RTCRTPStreamStats packetsSent:int64, bytesSent:int64, \
        targetBitrate:double, roundTripTime:double
        struct RTCPeerConnectionStats extends RTCStats dataChannelsOpened:int64, dataChannelsClosed:int64
        struct RTCMediaStreamStats extends RTCStats streamIdentifier:String, trackIds:String[]
        struct RTCMediaStreamTrackStats extends RTCStats trackIdentifier:String, remoteSource:boolean, \
        ssrcIds:String[], frameWidth:int64, frameHeight:int64, framesPerSecond:double, framesSent:int64, \
        framesReceived:int64, framesDecoded:int64, framesDropped:int64, framesCorrupted:int64, audioLevel:double, \
        echoReturnLoss:double, echoReturnLossEnhancement:double
        enum RTCDataChannelState connecting open closing closed
        struct RTCDataChannelStats extends RTCStats label:String, protocol:String, datachannelid:int64, \
        state:RTCDataChannelState, messagesSent:int64, bytesSent:int64, messagesReceived:int64, bytesReceived:int64
        struct RTCTransportStats extends RTCStats bytesSent:int64, bytesReceived:int64, \
        rtcpTransportStatsId:String, activeConnection:boolean, selectedCandidatePairId:String, \
        localCertificateId:String, remoteCertificateId:String
        enum RTCStatsIceCandidateType host serverreflexive peerreflexive relayed
        struct RTCIceCandidateAttributes extends RTCStats ipAddress:String, portNumber:int64, transport:String, \
        candidateType:RTCStatsIceCandidateType, priority:int64, addressSourceUrl:String
        enum RTCStatsIceCandidatePairState frozen waiting inprogress failed succeeded cancelled
        struct RTCIceCandidatePairStats extends RTCStats transportId:String, localCandidateId:String, \
        remoteCandidateId:String, state:RTCStatsIceCandidatePairState, priority:int64, nominated:boolean, \
        writable:boolean, readable:boolean, bytesSent:int64, bytesReceived:int64, roundTripTime:double, \
        availableOutgoingBitrate:double, availableIncomingBitrate:double
        struct RTCCertificateStats extends RTCStats fingerprint:String, fingerprintAlgorithm:String, \
        base64Certificate:String, issuerCertificateId:String
        """
}
