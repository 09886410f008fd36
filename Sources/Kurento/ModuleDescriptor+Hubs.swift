extension ModuleDescriptor {
    /// Of module `elements`.
    static let hubs = """
        class Composite extends Hub
          new(mediaPipeline:MediaPipeline, width:int?=800, height:int?=600, framerate:int?=15)
        class AlphaBlending extends Hub
          new(mediaPipeline:MediaPipeline)
          method setMaster(source:HubPort, zOrder:int)
          method setPortProperties(relativeX:float, relativeY:float, zOrder:int, relativeWidth:float, \
        relativeHeight:float, port:HubPort)
        class Dispatcher extends Hub
          new(mediaPipeline:MediaPipeline)
          method connect(source:HubPort, sink:HubPort)
        class DispatcherOneToMany extends Hub
          new(mediaPipeline:MediaPipeline)
          method setSource(source:HubPort)
          method removeSource()
        class Mixer extends Hub
          new(mediaPipeline:MediaPipeline)
          method connect(media:MediaType, source:HubPort, sink:HubPort)
          method disconnect(media:MediaType, source:HubPort, sink:HubPort)
        """
}
