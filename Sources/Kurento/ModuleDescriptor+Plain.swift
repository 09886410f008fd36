extension ModuleDescriptor {
    /// RtpEndpoint and its types, a part of module `elements`.
    static let plainElements = """

        class RtpEndpoint extends BaseRtpEndpoint
          new(mediaPipeline:MediaPipeline, crypto:SDES?={}, useIpv6:boolean?=false)
          events OnKeySoftLimit
        event OnKeySoftLimit extends Media mediaType:MediaType
        enum CryptoSuite AES_128_CM_HMAC_SHA1_32 AES_128_CM_HMAC_SHA1_80 AES_256_CM_HMAC_SHA1_32 \
        AES_256_CM_HMAC_SHA1_80
        struct SDES key:String?, keyBase64:String?, crypto:CryptoSuite?
        """
}
