extension ModuleDescriptor {
    /// Module `elements`: the endpoints of WebRTC, of plain RTP and of URIs, and the hubs.
    static let elements = ModuleDescriptor(
        name: "elements",
        declaration: """
            class WebRtcEndpoint extends BaseRtpEndpoint
              new(mediaPipeline:MediaPipeline, recvonly:boolean?=false, sendonly:boolean?=false, \
            useDataChannels:boolean?=false, certificateKeyType:CertificateKeyType?="RSA", \
            qosDscp:DSCPValue?="NO_VALUE")
              property networkInterfaces:String
              property iceTcp:boolean=true
              property stunServerAddress:String
              property stunServerPort:int
              property turnUrl:String
              property externalIPv4:String
              property externalIPv6:String
              readonly ICECandidatePairs:IceCandidatePair[]
              readonly IceConnectionState:IceConnection[]
              readonly DtlsConnectionState:DtlsConnection[]
              method gatherCandidates()
              method addIceCandidate(candidate:IceCandidate)
              method createDataChannel(label:String?="", ordered:boolean?=true, maxPacketLifeTime:int?=-1, \
            maxRetransmits:int?=-1, protocol:String?="")
              method closeDataChannel(channelId:int)
              events IceCandidateFound IceGatheringDone IceComponentStateChanged DtlsConnectionStateChange
              events DataChannelOpened DataChannelClosed NewCandidatePairSelected
            class PlayerEndpoint extends UriEndpoint
              new(mediaPipeline:MediaPipeline, uri:String, useEncodedMedia:boolean?=false, networkCache:int?=2000)
              readonly videoInfo:VideoInfo
              readonly elementGstreamerDot:String
              property position:int64
              method play()
              events EndOfStream
            class RecorderEndpoint extends UriEndpoint
              new(mediaPipeline:MediaPipeline, uri:String, mediaProfile:MediaProfileSpecType?="WEBM", \
            stopOnEndOfStream:boolean?=false)
              method record()
              method stopAndWait()
              events Recording Paused Stopped
            class HttpEndpoint extends SessionEndpoint abstract
              method getUrl() -> String
            class HttpPostEndpoint extends HttpEndpoint
              new(mediaPipeline:MediaPipeline, disconnectionTimeout:int?=2, useEncodedMedia:boolean?=false)
              events EndOfStream
            event EndOfStream extends Media
            event Recording extends Media
            event Paused extends Media
            event Stopped extends Media
            enum MediaProfileSpecType WEBM MKV MP4 WEBM_VIDEO_ONLY WEBM_AUDIO_ONLY MKV_VIDEO_ONLY MKV_AUDIO_ONLY \
            MP4_VIDEO_ONLY MP4_AUDIO_ONLY JPEG_VIDEO_ONLY KURENTO_SPLIT_RECORDER FLV
            struct VideoInfo isSeekable:boolean, seekableInit:int64, seekableEnd:int64, duration:int64
            event IceCandidateFound extends Media candidate:IceCandidate
            event IceGatheringDone extends Media
            event IceComponentStateChanged extends Media streamId:int, componentId:int, state:IceComponentState
            event DtlsConnectionStateChange extends Media streamId:String, componentId:String, \
            connectionId:String, state:DtlsConnectionState
            event DataChannelOpened extends Media channelId:int
            event DataChannelClosed extends Media channelId:int
            event NewCandidatePairSelected extends Media candidatePair:IceCandidatePair
            struct IceCandidate candidate:String, sdpMid:String, sdpMLineIndex:int
            enum IceComponentState DISCONNECTED GATHERING CONNECTING CONNECTED READY FAILED
            enum DtlsConnectionState NEW CLOSED FAILED CONNECTING CONNECTED
            struct IceCandidatePair streamId:String, componentId:int, localCandidate:String, remoteCandidate:String
            struct IceConnection streamId:String, componentId:int, state:IceComponentState
            struct DtlsConnection streamId:String, componentId:String, connectionId:String, \
            state:DtlsConnectionState
            enum CertificateKeyType RSA ECDSA
            enum DSCPValue NO_DSCP NO_VALUE AUDIO_VERYLOW AUDIO_LOW AUDIO_MEDIUM AUDIO_HIGH VIDEO_VERYLOW \
            VIDEO_LOW VIDEO_MEDIUM VIDEO_MEDIUM_THROUGHPUT VIDEO_HIGH VIDEO_HIGH_THROUGHPUT DATA_VERYLOW DATA_LOW \
            DATA_MEDIUM DATA_HIGH CHROME_HIGH CHROME_MEDIUM CHROME_LOW CHROME_VERYLOW CS0 CS1 CS2 CS3 CS4 CS5 CS6 \
            CS7 AF11 AF12 AF13 AF21 AF22 AF23 AF31 AF32 AF33 AF41 AF42 AF43 EF VOICEADMIT LE
            """ + plainElements + "\n" + hubs)
}
