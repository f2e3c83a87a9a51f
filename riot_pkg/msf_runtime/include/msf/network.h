/*
 * SPDX-FileCopyrightText: 2026 The msf-riot developers
 * SPDX-License-Identifier: MIT
 */

/**
 * @ingroup     pkg_msf_runtime
 * @brief       What every generated package says about its model, so that an application serves any of them
 * @{
 */

#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Gives `columns` pixels of input row `row`, from column `column` on, to `pixels`. */
typedef void (*msf_read_t)(void *context, uint32_t row, uint32_t column, uint32_t columns,
                           int8_t *pixels);

/** One of a model's inputs or outputs: HWC, real value = scale * (q - zero_point). */
typedef struct {
    const char *name; /**< in the model's file */
    uint32_t offset;  /**< of its first byte in the caller's buffer */
    uint16_t height;
    uint16_t width;
    uint16_t channels;
    int16_t zero_point;
    float scale;
} msf_tensor_t;

/** A generated model. */
typedef struct {
    const char *name;
    uint32_t arena_bytes;  /**< what `invoke` needs at `arena`, aligned to 4 bytes */
    uint32_t input_bytes;  /**< of all inputs, one behind the other */
    uint32_t output_bytes; /**< of all outputs, one behind the other */
    uint32_t stages;
    void *arena; /**< the package's own static buffer of arena_bytes */
    void (*invoke)(void *arena, const int8_t *input, int8_t *output);
    /** the same with rows of the input from `read`; NULL where the plan needs the input whole */
    void (*invoke_from)(void *arena, msf_read_t read, void *context, int8_t *output);
    uint32_t input_count;
    uint32_t output_count;
    const msf_tensor_t *inputs;
    const msf_tensor_t *outputs;
} msf_network_t;

/** The step of a real value, in steps of `scale` from `zero_point`: to nearest, halves to even, kept in int8; NaN gives -128. */
static inline int8_t msf_quantize(float real, float scale, int32_t zero_point)
{
    const float steps = real / scale;
    if (!(steps > -512.0f)) {
        return INT8_MIN;
    }
    if (steps >= 512.0f) {
        return INT8_MAX;
    }
    int32_t whole = (int32_t)steps;
    const float rest = steps - (float)whole; /* exact, in (-1, 1) */
    if (rest > 0.5f || (rest == 0.5f && whole % 2 != 0)) {
        whole++;
    }
    else if (rest < -0.5f || (rest == -0.5f && whole % 2 != 0)) {
        whole--;
    }
    whole += zero_point;
    return (int8_t)(whole < INT8_MIN ? INT8_MIN : whole > INT8_MAX ? INT8_MAX : whole);
}

/** The real value of an int8. */
static inline float msf_dequantize(int8_t q, float scale, int32_t zero_point)
{
    return scale * (float)(q - zero_point);
}

/** Inputs of a model and the outputs that the reference computes for them. */
typedef struct {
    const msf_network_t *model;
    uint32_t count;
    const int8_t *inputs;  /**< count times model->input_bytes */
    const int8_t *outputs; /**< count times model->output_bytes */
    int8_t *result; /**< room for one output, in RAM: applications have no heap and know no size */
} msf_vectors_t;

#ifdef __cplusplus
}
#endif
/** @} */
