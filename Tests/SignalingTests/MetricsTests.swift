import Testing

@testable import Signaling

@Suite(.timeLimit(.minutes(2)))
struct MetricsTests {
    @Test func everySampleBelongsToAFamilyWithHelpAndType() async throws {
        try await withServer { ports in
            let response = try await RawClient.connect(ports[0]).get("/metrics")
            #expect(response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            var family = ""
            var help = ""
            var seen: Set<String> = []
            for line in response.body.split(separator: "\n") {
                let words = line.split(separator: " ", maxSplits: 3)
                if line.hasPrefix("# HELP ") {
                    help = String(words[2])
                } else if line.hasPrefix("# TYPE ") {
                    family = String(words[2])
                    #expect(family == help)
                    #expect(seen.insert(family).inserted, "\(family) comes twice")
                    #expect(["counter", "gauge"].contains(words[3]))
                } else {
                    #expect(line.prefix { $0 != "{" && $0 != " " } == family)
                    #expect(Double(line.split(separator: " ").last ?? "") != nil, "\(line)")
                }
            }
            #expect(seen.count == Metric.allCases.count)
            #expect(response.body.contains("apus_worker_sessions{worker=\"w1\"} 3\n"))
            #expect(response.body.contains("apus_worker_up{worker=\"w0\"} 0\n"))
            #expect(response.body.contains("apus_worker_failovers_total{worker=\"w1\"} 2\n"))
            #expect(response.body.contains("apus_worker_standstill_seconds_total{worker=\"w1\"} 1.5\n"))
            #expect(response.body.contains("apus_worker_last_standstill_seconds{worker=\"w1\"} 0.25\n"))
            #expect(response.body.contains("apus_heartbeats_heard_total{controller=\"c1\"} 40\n"))
            let dropped = #"apus_heartbeats_dropped_total{controller="c1",reason="#
            #expect(response.body.contains(dropped + "\"forged\"} 3\n"))
            #expect(response.body.contains(dropped + "\"repeated\"} 0\n"))
            #expect(response.body.contains("apus_worker_draining{worker=\"w0\"} 0\n"))
            #expect(response.body.contains("apus_worker_draining{worker=\"w1\"} 1\n"))
            #expect(response.body.contains("apus_worker_cpu_cores{worker=\"w1\"} 0.25\n"))
            #expect(response.body.contains(#"{worker="w1",reason="odd\"reason\\"} 1"#))
            #expect(response.body.contains(#"{controller="c1",method="create",result="ok"} 9"#))
            #expect(response.body.contains("apus_signaling_connections 1\n"))
        }
    }

    @Test func aMetricWithTooManySeriesIsCut() {
        var page = MetricsPage()
        for index in 0..<2000 { page.add(.kurentoRequests, ["method": "m\(index)"], 1) }
        #expect(page.render().split(separator: "\n").count == SignalingLimits.metricSeries + 2)
    }

    @Test func namesFollowPrometheus() {
        for metric in Metric.allCases {
            #expect(metric.name.hasPrefix("apus_"))
            #expect(metric.name.allSatisfy { $0.isLowercase || $0 == "_" })
            #expect(metric.help.hasSuffix("."))
        }
    }
}
