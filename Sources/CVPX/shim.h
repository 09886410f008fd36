#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <vpx/vp8cx.h>
#include <vpx/vpx_encoder.h>

// Function-like macros and variadic functions, which Swift does not import.

/// One encoder of VP8 or VP9 with one thread, for live video: no lag, constant bit rate, no frame depends on one that
/// was dropped.
typedef struct apus_vpx_encoder {
    vpx_codec_ctx_t codec;
    vpx_codec_enc_cfg_t configuration;
    vpx_image_t image;
    int64_t last;
} apus_vpx_encoder;

static inline void apus_vpx_close(apus_vpx_encoder *encoder) {
    if (encoder == NULL) return;
    vpx_codec_destroy(&encoder->codec);
    free(encoder);
}

/// NULL when libvpx takes the parameters not. Rates in kbit/s, times in units of 1/90000 s.
static inline apus_vpx_encoder *apus_vpx_open(int is_vp9, unsigned width, unsigned height, unsigned rate, int speed,
                                              unsigned key_interval) {
    apus_vpx_encoder *encoder = (apus_vpx_encoder *)calloc(1, sizeof *encoder);
    if (encoder == NULL) return NULL;
    vpx_codec_iface_t *interface = is_vp9 ? vpx_codec_vp9_cx() : vpx_codec_vp8_cx();
    vpx_codec_enc_cfg_t *configuration = &encoder->configuration;
    encoder->last = -1;
    if (vpx_codec_enc_config_default(interface, configuration, 0) != VPX_CODEC_OK) {
        free(encoder);
        return NULL;
    }
    configuration->g_w = width;
    configuration->g_h = height;
    configuration->g_threads = 1;
    configuration->g_timebase.num = 1;
    configuration->g_timebase.den = 90000;
    configuration->g_error_resilient = VPX_ERROR_RESILIENT_DEFAULT;
    configuration->g_lag_in_frames = 0;
    configuration->rc_end_usage = VPX_CBR;
    configuration->rc_target_bitrate = rate;
    configuration->rc_min_quantizer = 4;
    configuration->rc_max_quantizer = 56;
    configuration->rc_undershoot_pct = 100;
    configuration->rc_overshoot_pct = 15;
    configuration->rc_buf_initial_sz = 500;
    configuration->rc_buf_optimal_sz = 600;
    configuration->rc_buf_sz = 1000;
    configuration->rc_dropframe_thresh = 0;
    configuration->kf_mode = VPX_KF_AUTO;
    configuration->kf_min_dist = 0;
    configuration->kf_max_dist = key_interval;
    if (vpx_codec_enc_init(&encoder->codec, interface, configuration, 0) != VPX_CODEC_OK) {
        free(encoder);
        return NULL;
    }
    vpx_codec_control(&encoder->codec, VP8E_SET_CPUUSED, speed);
    vpx_codec_control(&encoder->codec, VP8E_SET_STATIC_THRESHOLD, 1);
    // A key frame has at most the bytes of five pictures: a larger one stands in the way of all that comes after it.
    vpx_codec_control(&encoder->codec, VP8E_SET_MAX_INTRA_BITRATE_PCT, 500);
    if (is_vp9) {
        vpx_codec_control(&encoder->codec, VP9E_SET_AQ_MODE, 3);
        vpx_codec_control(&encoder->codec, VP9E_SET_TILE_COLUMNS, 0);
    }
    return encoder;
}

static inline int apus_vpx_set_rate(apus_vpx_encoder *encoder, unsigned rate) {
    encoder->configuration.rc_target_bitrate = rate;
    return vpx_codec_enc_config_set(&encoder->codec, &encoder->configuration) == VPX_CODEC_OK;
}

/// Encodes one I420 picture of the encoder's size; `time` must rise. 1 on success.
static inline int apus_vpx_encode(apus_vpx_encoder *encoder, const uint8_t *y, int y_stride, const uint8_t *u,
                                  int u_stride, const uint8_t *v, int v_stride, int64_t time, unsigned long duration,
                                  int is_key) {
    vpx_image_t *image = &encoder->image;
    const unsigned width = encoder->configuration.g_w, height = encoder->configuration.g_h;
    if (vpx_img_wrap(image, VPX_IMG_FMT_I420, width, height, 1, (unsigned char *)y) == NULL) return 0;
    image->planes[VPX_PLANE_Y] = (unsigned char *)y;
    image->planes[VPX_PLANE_U] = (unsigned char *)u;
    image->planes[VPX_PLANE_V] = (unsigned char *)v;
    image->stride[VPX_PLANE_Y] = y_stride;
    image->stride[VPX_PLANE_U] = u_stride;
    image->stride[VPX_PLANE_V] = v_stride;
    if (time <= encoder->last) time = encoder->last + 1;
    encoder->last = time;
    return vpx_codec_encode(&encoder->codec, image, time, duration, is_key ? VPX_EFLAG_FORCE_KF : 0,
                            VPX_DL_REALTIME) == VPX_CODEC_OK;
}

/// The next frame that came out of the last encoding: its bytes, valid until the encoder's next call, or NULL.
static inline const uint8_t *apus_vpx_next(apus_vpx_encoder *encoder, vpx_codec_iter_t *iterator, size_t *count,
                                           int *is_key) {
    const vpx_codec_cx_pkt_t *packet;
    while ((packet = vpx_codec_get_cx_data(&encoder->codec, iterator)) != NULL) {
        if (packet->kind != VPX_CODEC_CX_FRAME_PKT) continue;
        *count = packet->data.frame.sz;
        *is_key = (packet->data.frame.flags & VPX_FRAME_IS_KEY) != 0;
        return (const uint8_t *)packet->data.frame.buf;
    }
    return NULL;
}
