#pragma once
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavformat/avformat.h>
#include <libavutil/base64.h>
#include <libavutil/channel_layout.h>
#include <libavutil/error.h>
#include <libavutil/imgutils.h>
#include <libavutil/log.h>
#include <libavutil/mathematics.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>

// Function-like macros, unions and callbacks, which Swift does not import.

// ---- Errors ------------------------------------------------------------------------------------

enum apus_media_outcome {
    APUS_MEDIA_DONE = 0,
    APUS_MEDIA_END,
    APUS_MEDIA_AGAIN,
    APUS_MEDIA_NOT_FOUND,
    APUS_MEDIA_FORBIDDEN,
    APUS_MEDIA_INVALID,
    APUS_MEDIA_UNKNOWN_CODEC,
    APUS_MEDIA_UNREACHABLE,
    APUS_MEDIA_TIMED_OUT,
    APUS_MEDIA_STOPPED,
    APUS_MEDIA_NO_SPACE,
    APUS_MEDIA_NO_MEMORY,
    APUS_MEDIA_IO,
    APUS_MEDIA_OTHER,
};

/// What a negative result of FFmpeg's functions means: one of `apus_media_outcome`.
static inline int apus_media_outcome_of(int result) {
    if (result >= 0) return APUS_MEDIA_DONE;
    switch (result) {
    case AVERROR_EOF: return APUS_MEDIA_END;
    case AVERROR(EAGAIN): return APUS_MEDIA_AGAIN;
    case AVERROR(ENOENT):
    case AVERROR(ENOTDIR):
    case AVERROR_HTTP_NOT_FOUND: return APUS_MEDIA_NOT_FOUND;
    case AVERROR(EACCES):
    case AVERROR(EPERM):
    case AVERROR(EROFS):
    case AVERROR(EISDIR):
    case AVERROR(ENXIO):
    case AVERROR_HTTP_UNAUTHORIZED:
    case AVERROR_HTTP_FORBIDDEN: return APUS_MEDIA_FORBIDDEN;
    case AVERROR_INVALIDDATA:
    case AVERROR_DEMUXER_NOT_FOUND:
    case AVERROR_STREAM_NOT_FOUND:
    case AVERROR_PATCHWELCOME:
    case AVERROR(EINVAL): return APUS_MEDIA_INVALID;
    case AVERROR_DECODER_NOT_FOUND:
    case AVERROR_ENCODER_NOT_FOUND: return APUS_MEDIA_UNKNOWN_CODEC;
    case AVERROR(ECONNREFUSED):
    case AVERROR(ECONNRESET):
    case AVERROR(ECONNABORTED):
    case AVERROR(EPIPE):
    case AVERROR(EHOSTUNREACH):
    case AVERROR(ENETUNREACH):
    case AVERROR(ENETDOWN):
    case AVERROR_HTTP_SERVER_ERROR: return APUS_MEDIA_UNREACHABLE;
    case AVERROR(ETIMEDOUT): return APUS_MEDIA_TIMED_OUT;
    case AVERROR_EXIT: return APUS_MEDIA_STOPPED;
    case AVERROR(ENOSPC):
    case AVERROR(EDQUOT):
    case AVERROR(EFBIG): return APUS_MEDIA_NO_SPACE;
    case AVERROR(ENOMEM): return APUS_MEDIA_NO_MEMORY;
    case AVERROR(EIO): return APUS_MEDIA_IO;
    default: return APUS_MEDIA_OTHER;
    }
}

static inline int apus_media_end(void) { return AVERROR_EOF; }
static inline int apus_media_stopped(void) { return AVERROR_EXIT; }
static inline int64_t apus_media_no_time(void) { return AV_NOPTS_VALUE; }

static inline void apus_media_describe(int result, char *text, size_t size) { av_strerror(result, text, size); }

// ---- Deadlines and interruption ----------------------------------------------------------------

/// Shared by the thread that works and those that may stop it.
typedef struct apus_media_interrupt {
    int is_set;
    /// Of CLOCK_MONOTONIC in nanoseconds; 0: none.
    int64_t deadline;
} apus_media_interrupt;

static inline int64_t apus_media_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline apus_media_interrupt *apus_media_interrupt_new(void) {
    return (apus_media_interrupt *)calloc(1, sizeof(apus_media_interrupt));
}

static inline void apus_media_interrupt_free(apus_media_interrupt *interrupt) { free(interrupt); }

static inline void apus_media_interrupt_set(apus_media_interrupt *interrupt) {
    __atomic_store_n(&interrupt->is_set, 1, __ATOMIC_RELAXED);
}

static inline int apus_media_interrupt_is_set(const apus_media_interrupt *interrupt) {
    return __atomic_load_n(&interrupt->is_set, __ATOMIC_RELAXED);
}

/// The work that begins now may take `nanoseconds`.
static inline void apus_media_interrupt_arm(apus_media_interrupt *interrupt, int64_t nanoseconds) {
    int64_t deadline;
    if (__builtin_add_overflow(apus_media_now(), nanoseconds, &deadline)) deadline = INT64_MAX;
    __atomic_store_n(&interrupt->deadline, deadline, __ATOMIC_RELAXED);
}

static inline int apus_media_interrupt_is_late(const apus_media_interrupt *interrupt) {
    const int64_t deadline = __atomic_load_n(&interrupt->deadline, __ATOMIC_RELAXED);
    return deadline != 0 && apus_media_now() >= deadline;
}

static inline int apus_media_interrupt_check(void *opaque) {
    const apus_media_interrupt *interrupt = (const apus_media_interrupt *)opaque;
    return apus_media_interrupt_is_set(interrupt) || apus_media_interrupt_is_late(interrupt);
}

/// Between two looks at something that comes by itself.
static inline void apus_media_rest(void) {
    const struct timespec pause = {0, 2000000};
    nanosleep(&pause, NULL);
}

static inline AVIOInterruptCB apus_media_interrupt_hook(apus_media_interrupt *interrupt) {
    const AVIOInterruptCB hook = {apus_media_interrupt_check, interrupt};
    return hook;
}

// ---- Names -------------------------------------------------------------------------------------
// FFmpeg resolves a name without looking at the interruption. A thread that may be left behind asks first, and its
// answer is then in the resolver's cache, or at least known to come.

typedef struct apus_media_lookup {
    char *host;
    int result;
    int is_done;
    int holders;
} apus_media_lookup;

static inline void apus_media_lookup_release(apus_media_lookup *lookup) {
    if (__atomic_sub_fetch(&lookup->holders, 1, __ATOMIC_ACQ_REL) > 0) return;
    free(lookup->host);
    free(lookup);
}

static inline void *apus_media_lookup_run(void *opaque) {
    apus_media_lookup *lookup = (apus_media_lookup *)opaque;
    struct addrinfo *found = NULL;
    struct addrinfo hints = {0};
    hints.ai_socktype = SOCK_STREAM;
    lookup->result = getaddrinfo(lookup->host, NULL, &hints, &found);
    if (lookup->result == 0) freeaddrinfo(found);
    __atomic_store_n(&lookup->is_done, 1, __ATOMIC_RELEASE);
    apus_media_lookup_release(lookup);
    return NULL;
}

/// 0 when the host has an address, else a negative result.
static inline int apus_media_resolve(const char *host, apus_media_interrupt *interrupt) {
    apus_media_lookup *lookup = (apus_media_lookup *)calloc(1, sizeof *lookup);
    if (lookup == NULL || (lookup->host = strdup(host)) == NULL) {
        free(lookup);
        return AVERROR(ENOMEM);
    }
    lookup->holders = 2;
    pthread_t thread;
    if (pthread_create(&thread, NULL, apus_media_lookup_run, lookup) != 0) {
        lookup->holders = 1;
        apus_media_lookup_release(lookup);
        return AVERROR(ENOMEM);
    }
    pthread_detach(thread);
    int result = AVERROR_EXIT;
    while (!apus_media_interrupt_check(interrupt)) {
        if (__atomic_load_n(&lookup->is_done, __ATOMIC_ACQUIRE)) {
            result = lookup->result == 0 ? 0 : AVERROR(EHOSTUNREACH);
            break;
        }
        const struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
    }
    apus_media_lookup_release(lookup);
    return result;
}

// ---- Files -------------------------------------------------------------------------------------

/// 0 for a regular file that can be read, else a negative result. A pipe or a device would block for ever.
static inline int apus_media_check_file(const char *path) {
    const int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0) return AVERROR(errno);
    struct stat status;
    const int result = fstat(descriptor, &status) != 0 ? AVERROR(errno) : S_ISREG(status.st_mode) ? 0 : AVERROR(EISDIR);
    close(descriptor);
    return result;
}

/// Makes the directories above `path`. 0, or a negative result.
static inline int apus_media_make_parents(const char *path) {
    char *copy = strdup(path);
    if (copy == NULL) return AVERROR(ENOMEM);
    int result = 0;
    for (char *slash = strchr(copy + 1, '/'); slash != NULL && result == 0; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        struct stat status;
        if (stat(copy, &status) != 0 && mkdir(copy, 0755) != 0 && errno != EEXIST) result = AVERROR(errno);
        *slash = '/';
    }
    free(copy);
    return result;
}

/// A descriptor of an empty regular file for writing and reading, or a negative result.
static inline int apus_media_create_file(const char *path) {
    const int descriptor = open(path, O_RDWR | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0644);
    if (descriptor < 0) return AVERROR(errno);
    struct stat status;
    int result = 0;
    if (fstat(descriptor, &status) != 0)
        result = AVERROR(errno);
    else if (!S_ISREG(status.st_mode))
        result = AVERROR(EISDIR);
    else if (ftruncate(descriptor, 0) != 0)
        result = AVERROR(errno);
    if (result == 0) return descriptor;
    close(descriptor);
    return result;
}

/// A descriptor of a file that has no name and is gone when it is closed, or a negative result.
static inline int apus_media_temporary_file(void) {
    char path[] = "/tmp/apus-upload-XXXXXX";
    const int descriptor = mkstemp(path);
    if (descriptor < 0) return AVERROR(errno);
    unlink(path);
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    return descriptor;
}

/// Reads up to `count` bytes at `position`: how many, or a negative result.
static inline int64_t apus_media_read_at(int descriptor, void *bytes, size_t count, int64_t position) {
    size_t done = 0;
    while (done < count) {
        const ssize_t got = pread(descriptor, (uint8_t *)bytes + done, count - done, position + (int64_t)done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return AVERROR(errno);
        if (got == 0) break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

/// Writes `count` bytes at `position`: 0, or a negative result.
static inline int apus_media_write_at(int descriptor, const void *bytes, size_t count, int64_t position) {
    size_t done = 0;
    while (done < count) {
        const ssize_t put = pwrite(descriptor, (const uint8_t *)bytes + done, count - done, position + (int64_t)done);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return AVERROR(errno);
        done += (size_t)put;
    }
    return 0;
}

static inline int64_t apus_media_file_size(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) != 0 ? AVERROR(errno) : (int64_t)status.st_size;
}

static inline int apus_media_truncate(int descriptor, int64_t size) {
    return ftruncate(descriptor, size) == 0 ? 0 : AVERROR(errno);
}

static inline int apus_media_close(int descriptor) { return close(descriptor) == 0 ? 0 : AVERROR(errno); }

// ---- Where a muxer's bytes go ------------------------------------------------------------------

/// A file, or the body of an HTTP request in chunks (RFC 9112 section 7.1).
typedef struct apus_media_sink {
    int descriptor;
    int64_t position;
    /// NULL for a file.
    AVIOContext *stream;
    /// The first failure, or 0. Nothing is written after it.
    int failure;
} apus_media_sink;

static inline int apus_media_sink_write(void *opaque, uint8_t *bytes, int count) {
    apus_media_sink *sink = (apus_media_sink *)opaque;
    if (sink->failure < 0) return sink->failure;
    if (count <= 0) return 0;
    if (sink->stream != NULL) {
        char head[16];
        snprintf(head, sizeof head, "%x\r\n", (unsigned)count);
        avio_write(sink->stream, (const unsigned char *)head, (int)strlen(head));
        avio_write(sink->stream, bytes, count);
        avio_write(sink->stream, (const unsigned char *)"\r\n", 2);
        avio_flush(sink->stream);
        if (sink->stream->error < 0) sink->failure = sink->stream->error;
    } else {
        const int result = apus_media_write_at(sink->descriptor, bytes, (size_t)count, sink->position);
        if (result < 0) sink->failure = result;
    }
    if (sink->failure < 0) return sink->failure;
    sink->position += count;
    return count;
}

static inline int64_t apus_media_sink_seek(void *opaque, int64_t offset, int whence) {
    apus_media_sink *sink = (apus_media_sink *)opaque;
    const int64_t size = apus_media_file_size(sink->descriptor);
    if (whence & AVSEEK_SIZE) return size;
    switch (whence & ~AVSEEK_FORCE) {
    case SEEK_SET: break;
    case SEEK_CUR: offset += sink->position; break;
    case SEEK_END: offset += size; break;
    default: return AVERROR(EINVAL);
    }
    if (offset < 0) return AVERROR(EINVAL);
    return sink->position = offset;
}

static inline apus_media_sink *apus_media_sink_new(int descriptor, AVIOContext *stream) {
    apus_media_sink *sink = (apus_media_sink *)calloc(1, sizeof *sink);
    if (sink == NULL) return NULL;
    sink->descriptor = descriptor;
    sink->stream = stream;
    return sink;
}

static inline void apus_media_sink_free(apus_media_sink *sink) { free(sink); }

/// A muxer's output into the sink, or NULL. `can_seek` only for files.
static inline AVIOContext *apus_media_sink_output(apus_media_sink *sink, int can_seek) {
    const int size = 256 << 10;
    unsigned char *buffer = (unsigned char *)av_malloc((size_t)size);
    if (buffer == NULL) return NULL;
    AVIOContext *output =
        avio_alloc_context(buffer, size, 1, sink, NULL, apus_media_sink_write, can_seek ? apus_media_sink_seek : NULL);
    if (output == NULL) av_free(buffer);
    return output;
}

static inline void apus_media_output_free(AVIOContext *output) {
    if (output == NULL) return;
    av_freep(&output->buffer);
    avio_context_free(&output);
}

// ---- Parameters --------------------------------------------------------------------------------

static inline int apus_media_set_channels(AVChannelLayout *layout, int channels) {
    av_channel_layout_uninit(layout);
    av_channel_layout_default(layout, channels);
    return layout->nb_channels == channels;
}

/// A copy of `bytes` with FFmpeg's padding, or NULL.
static inline uint8_t *apus_media_padded(const uint8_t *bytes, size_t count) {
    uint8_t *copy = (uint8_t *)av_mallocz(count + AV_INPUT_BUFFER_PADDING_SIZE);
    if (copy != NULL && count > 0) memcpy(copy, bytes, count);
    return copy;
}

/// Nanoseconds, or INT64_MIN for no time at all or one out of range.
static inline int64_t apus_media_nanoseconds(int64_t ticks, AVRational base) {
    if (ticks == AV_NOPTS_VALUE || base.num <= 0 || base.den <= 0) return INT64_MIN;
    return av_rescale(ticks, base.num * INT64_C(1000000000), base.den);
}

static inline int64_t apus_media_ticks(int64_t nanoseconds, AVRational base) {
    const AVRational nanosecond = {1, 1000000000};
    return av_rescale_q(nanoseconds, nanosecond, base);
}

/// Lets a resampler turn `from` into 48 kHz, or what `rate` says, interleaved Int16. 0, or a negative result.
static inline int apus_media_resampler_open(SwrContext **resampler, int channels, enum AVSampleFormat format, int rate,
                                            const AVChannelLayout *from_layout, enum AVSampleFormat from_format,
                                            int from_rate) {
    AVChannelLayout layout = {0}, source = {0};
    av_channel_layout_default(&layout, channels);
    // A file may leave out where the channels belong.
    if (from_layout->order == AV_CHANNEL_ORDER_UNSPEC)
        av_channel_layout_default(&source, from_layout->nb_channels);
    else if (av_channel_layout_copy(&source, from_layout) < 0)
        return AVERROR(ENOMEM);
    int result =
        swr_alloc_set_opts2(resampler, &layout, format, rate, &source, from_format, from_rate, 0, NULL);
    // One channel is as loud in two; FFmpeg would take 3 dB away.
    const double both[2] = {1, 1};
    if (result >= 0 && source.nb_channels == 1 && channels == 2) result = swr_set_matrix(*resampler, both, 1);
    if (result >= 0) result = swr_init(*resampler);
    if (result < 0) swr_free(resampler);
    av_channel_layout_uninit(&source);
    return result;
}

// ---- Frames ------------------------------------------------------------------------------------

static inline uint8_t *apus_media_plane(const AVFrame *frame, int plane) { return frame->data[plane]; }
static inline int apus_media_stride(const AVFrame *frame, int plane) { return frame->linesize[plane]; }

static inline int apus_media_scale(struct SwsContext *context, const AVFrame *source, AVFrame *target) {
    return sws_scale(context, (const uint8_t *const *)source->data, source->linesize, 0, source->height, target->data,
                     target->linesize);
}

/// Interleaved Int16 from a decoded frame, or the rest that is inside for NULL: how many samples of each channel, or a
/// negative result.
static inline int apus_media_resample(SwrContext *resampler, int16_t *output, int capacity, const AVFrame *frame) {
    uint8_t *planes[1] = {(uint8_t *)output};
    return swr_convert(resampler, planes, capacity, frame == NULL ? NULL : (const uint8_t **)frame->extended_data,
                       frame == NULL ? 0 : frame->nb_samples);
}

/// The same from interleaved Int16.
static inline int apus_media_resample_samples(SwrContext *resampler, int16_t *output, int capacity,
                                              const int16_t *samples, int count) {
    uint8_t *planes[1] = {(uint8_t *)output};
    const uint8_t *input[1] = {(const uint8_t *)samples};
    return swr_convert(resampler, planes, capacity, input, count);
}

/// A frame for an encoder of sound, with room for `count` samples of each channel, or NULL.
static inline AVFrame *apus_media_sound(const AVCodecContext *context, int count) {
    AVFrame *frame = av_frame_alloc();
    if (frame == NULL) return NULL;
    frame->nb_samples = count;
    frame->format = context->sample_fmt;
    frame->sample_rate = context->sample_rate;
    if (av_channel_layout_copy(&frame->ch_layout, &context->ch_layout) < 0 || av_frame_get_buffer(frame, 0) < 0)
        av_frame_free(&frame);
    return frame;
}

/// Fills a frame of Int16 or of planes of floats from interleaved samples.
static inline void apus_media_fill_sound(AVFrame *frame, const int16_t *samples) {
    const int channels = frame->ch_layout.nb_channels;
    if (frame->format == AV_SAMPLE_FMT_FLTP) {
        for (int channel = 0; channel < channels; channel++) {
            float *plane = (float *)frame->extended_data[channel];
            for (int i = 0; i < frame->nb_samples; i++) plane[i] = (float)samples[i * channels + channel] / 32768.0f;
        }
    } else {
        memcpy(frame->extended_data[0], samples, (size_t)frame->nb_samples * (size_t)channels * sizeof *samples);
    }
}

// ---- Filters -----------------------------------------------------------------------------------

/// Puts a filter of that name into the graph, without its options; NULL when there is none.
static inline AVFilterContext *apus_media_filter(AVFilterGraph *graph, const char *name) {
    const AVFilter *filter = avfilter_get_by_name(name);
    return filter == NULL ? NULL : avfilter_graph_alloc_filter(graph, filter, NULL);
}

/// Sets an option of a filter that is not initialised yet. 0, or a negative result.
static inline int apus_media_filter_set(AVFilterContext *filter, const char *option, const char *value) {
    return av_opt_set(filter, option, value, AV_OPT_SEARCH_CHILDREN);
}

/// The graph's own source of I420 pictures, whose times are in nanoseconds; NULL when it cannot be made.
static inline AVFilterContext *apus_media_filter_source(AVFilterGraph *graph, int width, int height) {
    AVFilterContext *source = apus_media_filter(graph, "buffer");
    AVBufferSrcParameters *parameters = av_buffersrc_parameters_alloc();
    int result = source == NULL || parameters == NULL ? AVERROR(ENOMEM) : 0;
    if (result == 0) {
        parameters->format = AV_PIX_FMT_YUV420P;
        parameters->time_base = (AVRational){1, 1000000000};
        parameters->width = width;
        parameters->height = height;
        result = av_buffersrc_parameters_set(source, parameters);
    }
    av_free(parameters);
    if (result == 0) result = avfilter_init_str(source, NULL);
    return result < 0 ? NULL : source;
}
