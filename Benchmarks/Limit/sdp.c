#define _GNU_SOURCE
#include "limit.h"

#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 1024, TYPES = 64 };

/// One media section of an offer, as far as an answer needs it.
typedef struct {
    char kind[16], protocol[32], mid[32];
    uint8_t types[TYPES];
    char codecs[TYPES][48];
    int type_count;
} offered;

static size_t put(char *at, size_t used, size_t capacity, const char *format, ...) {
    if (used >= capacity) return capacity;
    va_list values;
    va_start(values, format);
    const int length = vsnprintf(at + used, capacity - used, format, values);
    va_end(values);
    return length < 0 || (size_t)length >= capacity - used ? capacity : used + (size_t)length;
}

static void read_media_line(const char *line, offered *media) {
    int consumed = 0;
    memset(media, 0, sizeof *media);
    if (sscanf(line, "m=%15s %*u %31s%n", media->kind, media->protocol, &consumed) < 2 || consumed == 0) return;
    for (char *next = NULL; media->type_count < TYPES; consumed = (int)(next - line)) {
        const long type = strtol(line + consumed, &next, 10);
        if (next == line + consumed) return;
        if (type >= 0 && type < 128) media->types[media->type_count++] = (uint8_t)type;
    }
}

static void read_attribute(peer *peer, const char *line, offered *media) {
    unsigned type = 0;
    char codec[48];
    if (media != NULL && sscanf(line, "a=mid:%31s", media->mid) == 1) return;
    if (sscanf(line, "a=ice-ufrag:%256s", peer->remote_ufrag) == 1) return;
    if (media == NULL || sscanf(line, "a=rtpmap:%u %47s", &type, codec) != 2) return;
    for (int i = 0; i < media->type_count; i++)
        if (media->types[i] == type) memcpy(media->codecs[i], codec, sizeof codec);
}

static int read_offer(peer *peer, const char *sdp, offered *media) {
    int count = 0;
    while (*sdp != 0) {
        char line[LINE];
        const size_t length = strcspn(sdp, "\r\n"), kept = length < LINE - 1 ? length : LINE - 1;
        memcpy(line, sdp, kept);
        line[kept] = 0;
        sdp += length;
        sdp += strspn(sdp, "\r\n");
        if (strncmp(line, "m=", 2) == 0) {
            if (count == LIMIT_SECTIONS) return 0;
            read_media_line(line, &media[count++]);
        } else {
            read_attribute(peer, line, count == 0 ? NULL : &media[count - 1]);
        }
    }
    return count;
}

/// The n-th published stream of a kind.
static track *published(int is_video, int wanted) {
    for (uint32_t i = 0; i < limit.track_count; i++) {
        track *track = &limit.tracks[i];
        if (track->is_video == is_video && track->publisher->is_used && wanted-- == 0) return track;
    }
    return NULL;
}

static void choose(peer *peer, section *section, const offered *media, int nth) {
    int chosen = 0;
    memcpy(section->mid, media->mid, sizeof section->mid);
    section->is_video = strcmp(media->kind, "video") == 0;
    if (peer->is_publisher) {
        const uint32_t capacity = sizeof limit.tracks / sizeof limit.tracks[0];
        if (limit.track_count == capacity || media->type_count == 0) return;
        track *track = &limit.tracks[limit.track_count];
        memset(track, 0, sizeof *track);
        track->index = limit.track_count++;
        track->publisher = peer;
        track->is_video = section->is_video;
        track->payload_type = media->types[0];
        memcpy(track->codec, media->codecs[0], sizeof track->codec);
        section->track = track;
    } else {
        section->track = published(section->is_video, nth);
        for (int i = 0; section->track != NULL && i < media->type_count; i++) {
            if (strcasecmp(media->codecs[i], section->track->codec) != 0) continue;
            chosen = i;
            break;
        }
        uint8_t random[10];
        RAND_bytes(random, sizeof random);
        memcpy(&section->ssrc, random, 4);
        memcpy(&section->sequence_offset, random + 4, 2);
        memcpy(&section->timestamp_offset, random + 6, 4);
    }
    section->payload_type = media->types[chosen];
    memcpy(section->codec, media->codecs[chosen], sizeof section->codec);
}

size_t sdp_answer(peer *peer, const char *sdp, char *answer, size_t capacity) {
    static offered media[LIMIT_SECTIONS];
    const int count = read_offer(peer, sdp, media);
    int videos = 0, audios = 0;
    if (count == 0) return 0;
    size_t used = put(answer, 0, capacity,
                      "v=0\r\no=- %u 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\n"
                      "a=fingerprint:sha-256 %s\r\na=setup:passive\r\na=msid-semantic: WMS *\r\na=group:BUNDLE",
                      peer->index + 1, limit.fingerprint);
    for (int i = 0; i < count; i++) used = put(answer, used, capacity, " %s", media[i].mid);
    used = put(answer, used, capacity, "\r\n");
    for (int i = 0; i < count; i++) {
        section *section = &peer->sections[i];
        choose(peer, section, &media[i], strcmp(media[i].kind, "video") == 0 ? videos++ : audios++);
        const char *direction = peer->is_publisher ? "recvonly" : section->track != NULL ? "sendonly" : "inactive";
        used = put(answer, used, capacity,
                   "m=%s 9 %s %u\r\nc=IN IP4 127.0.0.1\r\na=mid:%s\r\na=%s\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
                   "a=rtpmap:%u %s\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\n"
                   "a=setup:passive\r\na=candidate:1 1 udp 2130706431 127.0.0.1 %u typ host\r\na=end-of-candidates\r\n",
                   media[i].kind, media[i].protocol, section->payload_type, section->mid, direction,
                   section->payload_type, section->codec, peer->ufrag, peer->password, limit.fingerprint, limit.port);
        if (!peer->is_publisher && section->track != NULL)
            used = put(answer, used, capacity, "a=msid:s%u t%u\r\na=ssrc:%u cname:limit\r\n",
                       section->track->publisher->index, section->track->index, section->ssrc);
    }
    peer->section_count = count;
    return used < capacity ? used : 0;
}
