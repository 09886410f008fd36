#define _GNU_SOURCE
#include "limit.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/// One packet of a burst, opened, where recvmmsg put it.
typedef struct {
    const track *track;
    const uint8_t *header, *payload;
    uint16_t header_length, payload_length, sequence;
} packet;

static uint8_t buffers[LIMIT_DATAGRAMS][LIMIT_DATAGRAM];
static packet burst[LIMIT_BURST];
static unsigned burst_count;

int forward_open(uint16_t port) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int size = 8 << 20, one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) return -1;
    getsockname(fd, (struct sockaddr *)&address, &length);
    limit.port = ntohs(address.sin_port);
    return fd;
}

static uint32_t read32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, 4);
    return ntohl(value);
}

/// Opens one RTP packet and adds it to the burst.
static void take_media(peer *from, uint8_t *data, size_t length) {
    if (length < 12 + LIMIT_TAG || burst_count == LIMIT_BURST) return;
    size_t header = 12 + 4 * (data[0] & 15);
    if (data[0] & 0x10) {
        if (header + 4 > length) return;
        header += 4 + 4 * ((size_t)data[header + 2] << 8 | data[header + 3]);
    }
    if (header + LIMIT_TAG > length) return;
    const uint32_t ssrc = read32(data + 8);
    const uint16_t sequence = (uint16_t)(data[2] << 8 | data[3]);
    track *track = NULL;
    for (int i = 0; i < from->section_count && track == NULL; i++)
        if (from->sections[i].payload_type == (data[1] & 127)) track = from->sections[i].track;
    if (track == NULL) {
        limit.count.ignored++;
        return;
    }
    if (!track->is_known) {
        track->is_known = 1;
        track->ssrc = ssrc;
        track->last_sequence = sequence;
    }
    if (ssrc != track->ssrc) {
        limit.count.ignored++;
        return;
    }
    uint32_t roc = track->roc;
    if ((int16_t)(sequence - track->last_sequence) > 0) {
        if (sequence < track->last_sequence) roc = ++track->roc;
        track->last_sequence = sequence;
    } else if (sequence > track->last_sequence && roc > 0) {
        roc--;
    }
    const size_t payload = length - header - LIMIT_TAG;
    if (!cipher_open(from->inbound, ssrc, roc, data, header, data + header, payload)) {
        limit.count.unauthentic++;
        return;
    }
    limit.count.received++;
    burst[burst_count++] = (packet){track, data, data + header, (uint16_t)header, (uint16_t)payload, sequence};
}

static void take(uint8_t *data, size_t length, const struct sockaddr_in *from) {
    if (length == 0) return;
    if (data[0] < 4) return peer_stun(data, length, from);
    peer *known = limit.by_port[ntohs(from->sin_port)];
    if (known == NULL) return;
    if (data[0] >= 20 && data[0] < 64) return peer_dtls(known, data, length);
    if (data[0] < 128 || data[0] >= 192) return;
    if (length > 1 && data[1] >= 192 && data[1] < 224) {
        limit.count.ignored++;
        return;
    }
    if (known->is_publisher && known->is_connected) take_media(known, data, length);
}

/// One train on its way to one subscriber.
typedef struct {
    uint8_t bytes[LIMIT_TRAIN + 2048];
    size_t length, segment;
    unsigned count;
} train;

static train out;

static void send_train(const peer *to) {
    if (out.count == 0) return;
    struct iovec part = {out.bytes, out.length};
    struct msghdr message = {.msg_name = (void *)&to->address, .msg_namelen = sizeof to->address, .msg_iov = &part,
                             .msg_iovlen = 1};
    char control[CMSG_SPACE(sizeof(uint16_t))] __attribute__((aligned(8))) = {0};
    if (out.count > 1) {
        const uint16_t segment = (uint16_t)out.segment;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *entry = CMSG_FIRSTHDR(&message);
        entry->cmsg_level = IPPROTO_UDP;
        entry->cmsg_type = UDP_SEGMENT;
        entry->cmsg_len = CMSG_LEN(sizeof segment);
        memcpy(CMSG_DATA(entry), &segment, sizeof segment);
    }
    limit.count.sends++;
    if (sendmsg(limit.udp, &message, 0) < 0) {
        limit.count.full += out.count;
    } else {
        limit.count.forwarded += out.count;
    }
    out.length = out.count = 0;
}

/// The subscriber's copy of a packet behind the train, with `padding` bytes of RTP padding (RFC 3550 section 5.1).
static void append(peer *to, section *section, const packet *packet, size_t padding) {
    static uint8_t padded[LIMIT_DATAGRAM];
    uint8_t *header = out.bytes + out.length;
    const uint8_t *payload = packet->payload;
    size_t length = packet->payload_length;
    memcpy(header, packet->header, packet->header_length);
    const uint16_t sequence = (uint16_t)(packet->sequence + section->sequence_offset);
    const uint32_t timestamp = htonl(read32(header + 4) + section->timestamp_offset), ssrc = htonl(section->ssrc);
    header[1] = (uint8_t)((header[1] & 0x80) | section->payload_type);
    header[2] = (uint8_t)(sequence >> 8);
    header[3] = (uint8_t)sequence;
    memcpy(header + 4, &timestamp, 4);
    memcpy(header + 8, &ssrc, 4);
    uint32_t roc = section->roc;
    if (!section->has_sent || (int16_t)(sequence - section->last_sequence) > 0) {
        if (section->has_sent && sequence < section->last_sequence) roc = ++section->roc;
        section->last_sequence = sequence;
        section->has_sent = 1;
    } else if (sequence > section->last_sequence && roc > 0) {
        roc--;
    }
    if (padding > 0) {
        memcpy(padded, payload, length);
        memset(padded + length, 0, padding);
        length += padding;
        padded[length - 1] = (uint8_t)padding;
        payload = padded;
        header[0] |= 0x20;
    }
    cipher_seal(to->outbound, section->ssrc, roc, header, packet->header_length, payload,
                header + packet->header_length, length);
    out.length += packet->header_length + length + LIMIT_TAG;
    out.count++;
}

/// Padding that keeps `size` in the running train, or 0.
static size_t padding_for(const packet *packet, size_t size) {
    if (out.count == 0 || size >= out.segment || out.segment - size > limit.pad) return 0;
    return packet->header[0] & 0x20 ? 0 : out.segment - size;
}

static void forward_to(peer *to) {
    for (unsigned i = 0; i < burst_count; i++) {
        const packet *packet = &burst[i];
        section *section = NULL;
        for (int j = 0; j < to->section_count; j++) {
            if (to->sections[j].track != packet->track) continue;
            section = &to->sections[j];
            break;
        }
        if (section == NULL) continue;
        const size_t size = (size_t)packet->header_length + packet->payload_length + LIMIT_TAG;
        // All segments but a shorter last one have one size.
        const int fits = limit.use_gso && out.count > 0 && size <= out.segment && out.count < LIMIT_SEGMENTS &&
                         out.length + out.segment <= LIMIT_TRAIN;
        if (!fits) send_train(to);
        if (out.count == 0) out.segment = size;
        const size_t padding = padding_for(packet, size);
        append(to, section, packet, padding);
        if (size + padding < out.segment) send_train(to);
    }
    send_train(to);
}

static size_t segment_of(struct msghdr *message, size_t whole) {
    for (struct cmsghdr *entry = CMSG_FIRSTHDR(message); entry != NULL; entry = CMSG_NXTHDR(message, entry)) {
        if (entry->cmsg_level != IPPROTO_UDP || entry->cmsg_type != UDP_GRO) continue;
        int size = 0;
        memcpy(&size, CMSG_DATA(entry), sizeof size);
        if (size > 0) return (size_t)size;
    }
    return whole;
}

void forward_batch(void) {
    struct mmsghdr messages[LIMIT_DATAGRAMS] = {0};
    struct iovec parts[LIMIT_DATAGRAMS];
    struct sockaddr_in sources[LIMIT_DATAGRAMS];
    char controls[LIMIT_DATAGRAMS][CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
    for (int i = 0; i < LIMIT_DATAGRAMS; i++) {
        parts[i] = (struct iovec){buffers[i], LIMIT_DATAGRAM};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &sources[i], .msg_namelen = sizeof sources[i],
                                              .msg_iov = &parts[i], .msg_iovlen = 1, .msg_control = controls[i],
                                              .msg_controllen = sizeof controls[i]};
    }
    const int count = recvmmsg(limit.udp, messages, LIMIT_DATAGRAMS, 0, NULL);
    burst_count = 0;
    for (int i = 0; i < count; i++) {
        const size_t whole = messages[i].msg_len, segment = segment_of(&messages[i].msg_hdr, whole);
        for (size_t at = 0; at < whole; at += segment)
            take(buffers[i] + at, whole - at < segment ? whole - at : segment, &sources[i]);
    }
    if (burst_count == 0) return;
    for (uint32_t i = 0; i < limit.peer_count; i++) {
        peer *to = &limit.peers[i];
        if (to->is_connected && !to->is_publisher) forward_to(to);
    }
}
