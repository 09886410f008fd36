#define INET
#define INET6
#include "include/CUSRSCTP.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <usrsctp.h>

struct apus_usrsctp {
    struct socket *socket;
    struct sockaddr_conn address;
    apus_usrsctp_calls calls;
    void *context;
};

// As much as Apus has for either: Limits.sendBuffer and Limits.receiveWindow.
static const uint32_t buffer_size = 1048576;

static int send_packet(void *address, void *packet, size_t length, uint8_t service, uint8_t fragments) {
    (void)service;
    (void)fragments;
    apus_usrsctp *end = address;
    end->calls.packet(end->context, packet, length);
    return 0;
}

static void begin(void) {
    usrsctp_init_nothreads(0, send_packet, NULL);
    // As WebRTC uses it: one address, no authentication of chunks, no marks by routers.
    usrsctp_sysctl_set_sctp_ecn_enable(0);
    usrsctp_sysctl_set_sctp_asconf_enable(0);
    usrsctp_sysctl_set_sctp_auto_asconf(0);
    usrsctp_sysctl_set_sctp_auth_enable(0);
    usrsctp_sysctl_set_sctp_blackhole(2);
    usrsctp_sysctl_set_sctp_sendspace(buffer_size);
    usrsctp_sysctl_set_sctp_recvspace(buffer_size);
}

static void tell(apus_usrsctp *end, const union sctp_notification *note) {
    if (note->sn_header.sn_type == SCTP_ASSOC_CHANGE) {
        switch (note->sn_assoc_change.sac_state) {
        case SCTP_COMM_UP: return end->calls.event(end->context, APUS_USRSCTP_CONNECTED, 0);
        case SCTP_RESTART: return end->calls.event(end->context, APUS_USRSCTP_RESTARTED, 0);
        case SCTP_SHUTDOWN_COMP: return end->calls.event(end->context, APUS_USRSCTP_FINISHED, 0);
        default: return end->calls.event(end->context, APUS_USRSCTP_LOST, 0);
        }
    }
    if (note->sn_header.sn_type != SCTP_STREAM_RESET_EVENT) return;
    const struct sctp_stream_reset_event *reset = &note->sn_strreset_event;
    size_t count = (reset->strreset_length - sizeof(*reset)) / sizeof(uint16_t);
    for (size_t index = 0; index < count; index++) {
        uint16_t stream = reset->strreset_stream_list[index];
        if (reset->strreset_flags & (SCTP_STREAM_RESET_DENIED | SCTP_STREAM_RESET_FAILED)) {
            end->calls.event(end->context, APUS_USRSCTP_RESET_FAILED, stream);
            continue;
        }
        if (reset->strreset_flags & SCTP_STREAM_RESET_INCOMING_SSN)
            end->calls.event(end->context, APUS_USRSCTP_INBOUND_RESET, stream);
        if (reset->strreset_flags & SCTP_STREAM_RESET_OUTGOING_SSN)
            end->calls.event(end->context, APUS_USRSCTP_OUTBOUND_RESET, stream);
    }
}

static int take(
    struct socket *socket, union sctp_sockstore address, void *bytes, size_t length, struct sctp_rcvinfo info,
    int flags, void *context) {
    (void)socket;
    (void)address;
    apus_usrsctp *end = context;
    if (!bytes) return 1;
    if (flags & MSG_NOTIFICATION)
        tell(end, bytes);
    else
        end->calls.message(end->context, info.rcv_sid, ntohl(info.rcv_ppid), bytes, length);
    free(bytes);
    return 1;
}

static int set(apus_usrsctp *end, int option, const void *value, size_t length) {
    return usrsctp_setsockopt(end->socket, IPPROTO_SCTP, option, value, (socklen_t)length);
}

static int configure(apus_usrsctp *end, size_t packet_length, uint16_t streams) {
    const int on = 1;
    // Closing aborts.
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};
    const struct sctp_initmsg initiation = {.sinit_num_ostreams = streams, .sinit_max_instreams = streams};
    const struct sctp_assoc_value resets = {SCTP_FUTURE_ASSOC, SCTP_ENABLE_RESET_STREAM_REQ};
    // Messages are handed over whole: none is as long.
    const uint32_t partial = buffer_size / 2;
    struct sctp_paddrparams path = {.spp_flags = SPP_PMTUD_DISABLE, .spp_pathmtu = (uint32_t)packet_length};
    memcpy(&path.spp_address, &end->address, sizeof(end->address));
    if (usrsctp_setsockopt(end->socket, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0) return -1;
    if (set(end, SCTP_NODELAY, &on, sizeof(on)) < 0) return -1;
    if (set(end, SCTP_INITMSG, &initiation, sizeof(initiation)) < 0) return -1;
    if (set(end, SCTP_ENABLE_STREAM_RESET, &resets, sizeof(resets)) < 0) return -1;
    if (set(end, SCTP_PARTIAL_DELIVERY_POINT, &partial, sizeof(partial)) < 0) return -1;
    if (set(end, SCTP_PEER_ADDR_PARAMS, &path, sizeof(path)) < 0) return -1;
    const uint16_t events[] = {SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT};
    for (size_t index = 0; index < sizeof(events) / sizeof(events[0]); index++) {
        const struct sctp_event event = {SCTP_FUTURE_ASSOC, events[index], 1};
        if (set(end, SCTP_EVENT, &event, sizeof(event)) < 0) return -1;
    }
    return usrsctp_set_non_blocking(end->socket, 1);
}

apus_usrsctp *apus_usrsctp_create(
    uint16_t port, size_t packet_length, uint16_t streams, apus_usrsctp_calls calls, void *context) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, begin);
    apus_usrsctp *end = calloc(1, sizeof(*end));
    if (!end) return NULL;
    end->calls = calls;
    end->context = context;
    end->address.sconn_family = AF_CONN;
    end->address.sconn_port = htons(port);
    end->address.sconn_addr = end;
    usrsctp_register_address(end);
    end->socket = usrsctp_socket(AF_CONN, SOCK_SEQPACKET, IPPROTO_SCTP, take, NULL, 0, end);
    if (end->socket && configure(end, packet_length, streams) == 0 &&
        usrsctp_bind(end->socket, (struct sockaddr *)&end->address, sizeof(end->address)) == 0 &&
        usrsctp_listen(end->socket, 1) == 0)
        return end;
    apus_usrsctp_destroy(end);
    return NULL;
}

void apus_usrsctp_destroy(apus_usrsctp *end) {
    if (end->socket) usrsctp_close(end->socket);
    usrsctp_deregister_address(end);
    free(end);
}

void apus_usrsctp_connect(apus_usrsctp *end) {
    // Its answer is always that it goes on.
    (void)usrsctp_connect(end->socket, (struct sockaddr *)&end->address, sizeof(end->address));
}

void apus_usrsctp_receive(apus_usrsctp *end, const void *packet, size_t length) {
    usrsctp_conninput(end, packet, length, 0);
}

void apus_usrsctp_advance(uint32_t milliseconds) { usrsctp_handle_timers(milliseconds); }

int apus_usrsctp_send(apus_usrsctp *end, apus_usrsctp_delivery delivery, const void *bytes, size_t length) {
    struct sctp_sendv_spa how = {.sendv_flags = SCTP_SEND_SNDINFO_VALID};
    how.sendv_sndinfo.snd_sid = delivery.stream;
    how.sendv_sndinfo.snd_ppid = htonl(delivery.protocol);
    how.sendv_sndinfo.snd_flags = delivery.is_unordered ? SCTP_UNORDERED : 0;
    if (delivery.policy != APUS_USRSCTP_RELIABLE) {
        how.sendv_flags |= SCTP_SEND_PRINFO_VALID;
        how.sendv_prinfo.pr_policy = delivery.policy;
        how.sendv_prinfo.pr_value = delivery.value;
    }
    ssize_t sent = usrsctp_sendv(
        end->socket, bytes, length, (struct sockaddr *)&end->address, 1, &how, sizeof(how), SCTP_SENDV_SPA, 0);
    return sent == (ssize_t)length ? 0 : errno;
}

int apus_usrsctp_reset(apus_usrsctp *end, uint16_t stream) {
    union {
        struct sctp_reset_streams request;
        uint8_t bytes[sizeof(struct sctp_reset_streams) + sizeof(uint16_t)];
    } reset = {0};
    reset.request.srs_assoc_id = usrsctp_getassocid(end->socket, (struct sockaddr *)&end->address);
    reset.request.srs_flags = SCTP_STREAM_RESET_OUTGOING;
    reset.request.srs_number_streams = 1;
    reset.request.srs_stream_list[0] = stream;
    return set(end, SCTP_RESET_STREAMS, &reset, sizeof(reset)) < 0 ? errno : 0;
}

static void finish(apus_usrsctp *end, uint16_t flags) {
    struct sctp_sndinfo how = {.snd_flags = flags};
    (void)usrsctp_sendv(
        end->socket, "", 0, (struct sockaddr *)&end->address, 1, &how, sizeof(how), SCTP_SENDV_SNDINFO, 0);
}

void apus_usrsctp_shutdown(apus_usrsctp *end) { finish(end, SCTP_EOF); }
void apus_usrsctp_abort(apus_usrsctp *end) { finish(end, SCTP_ABORT); }
