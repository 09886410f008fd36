extension ReferenceFigures {
    /// Case, second, kind, controller, seconds, their deviation, seeds of ten that reached it.
    static let changeText = """
        5.1,0,up,GCC,3.7,1.3,10
        5.1,0,up,NADA,25.1,1.4,10
        5.1,0,up,SCReAM,8.7,1.3,10
        5.1,40,up,GCC,11.6,4.0,10
        5.1,40,up,NADA,18.0,1.2,9
        5.1,40,up,SCReAM,,,0
        5.1,60,drain,GCC,5.6,4.6,10
        5.1,60,drain,NADA,1.6,0.0,10
        5.1,60,drain,SCReAM,0.6,0.0,10
        5.1,80,up,GCC,10.5,2.3,10
        5.1,80,up,NADA,11.4,0.8,10
        5.1,80,up,SCReAM,,,0
        5.1 OWD100,0,up,GCC,3.6,2.2,10
        5.1 OWD100,0,up,NADA,25.9,0.9,10
        5.1 OWD100,0,up,SCReAM,37.8,1.6,7
        5.1 OWD100,40,up,GCC,13.5,5.2,5
        5.1 OWD100,40,up,NADA,18.1,0.6,10
        5.1 OWD100,40,up,SCReAM,,,0
        5.1 OWD100,60,drain,GCC,8.7,5.2,10
        5.1 OWD100,60,drain,NADA,1.7,0.0,10
        5.1 OWD100,60,drain,SCReAM,0.8,0.1,10
        5.1 OWD100,80,up,GCC,11.9,2.6,9
        5.1 OWD100,80,up,NADA,11.3,0.8,10
        5.1 OWD100,80,up,SCReAM,,,0
        5.2,0,up,GCC,4.1,1.6,10
        5.2,0,up,NADA,,,0
        5.2,0,up,SCReAM,13.7,1.7,10
        5.2,25,drain,GCC,2.9,3.1,10
        5.2,25,drain,NADA,0.0,0.0,10
        5.2,25,drain,SCReAM,0.6,0.0,10
        5.2,50,up,GCC,12.0,2.3,10
        5.2,50,up,NADA,17.4,0.6,10
        5.2,50,up,SCReAM,,,0
        5.2,75,drain,GCC,4.4,2.2,10
        5.2,75,drain,NADA,1.7,0.0,10
        5.2,75,drain,SCReAM,0.6,0.0,10
        5.2,100,up,GCC,12.8,1.2,10
        5.2,100,up,NADA,14.9,0.6,10
        5.2,100,up,SCReAM,,,0
        5.3,0,up,GCC,4.8,3.4,10
        5.3,0,up,NADA,,,0
        5.3,0,up,SCReAM,16.6,0.8,10
        5.3,20,drain,GCC,11.0,4.7,10
        5.3,20,drain,NADA,0.0,0.0,10
        5.3,20,drain,SCReAM,0.6,0.0,10
        5.3,40,drain,GCC,6.5,5.2,10
        5.3,40,drain,NADA,1.8,0.2,10
        5.3,40,drain,SCReAM,0.8,0.1,10
        5.3,60,up,GCC,17.0,0.9,10
        5.3,60,up,NADA,36.8,1.0,10
        5.3,60,up,SCReAM,,,0
        5.8,0,up,GCC,2.4,1.2,10
        5.8,0,up,NADA,29.3,0.8,10
        5.8,0,up,SCReAM,8.3,0.9,10
        """
}
