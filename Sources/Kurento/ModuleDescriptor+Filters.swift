extension ModuleDescriptor {
    /// Module `filters`.
    static let filters = ModuleDescriptor(
        name: "filters",
        declaration: """
            class ImageOverlayFilter extends Filter
              new(mediaPipeline:MediaPipeline)
              method removeImage(id:String)
              method addImage(id:String, uri:String, offsetXPercent:float, offsetYPercent:float, widthPercent:float, \
            heightPercent:float, keepAspectRatio:boolean, center:boolean)
            class GStreamerFilter extends Filter
              new(mediaPipeline:MediaPipeline, command:String, filterType:FilterType?="AUTODETECT")
              readonly command:String
              method setElementProperty(propertyName:String, propertyValue:String)
            class ZBarFilter extends Filter
              new(mediaPipeline:MediaPipeline)
              events CodeFound
            event CodeFound extends Media codeType:String, value:String
            """)

    /// Module `datachannelexample`: what needs no faces.
    static let dataChannelExample = ModuleDescriptor(
        name: "datachannelexample",
        declaration: """
            class KmsShowData extends MediaElement
              new(mediaPipeline:MediaPipeline)
            class KmsSendData extends MediaElement
              new(mediaPipeline:MediaPipeline)
            """)
}
