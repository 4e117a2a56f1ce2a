#include "server/core/unit.h"

enum dimension {
    DIM_LENGTH,
    DIM_AREA,
    DIM_VOLUME,
    DIM_FLOW,
    DIM_PRESSURE,
    DIM_TEMPERATURE,
    DIM_POWER,
    DIM_APPARENT_POWER,
    DIM_REACTIVE_POWER,
    DIM_ENERGY,
    DIM_FREQUENCY,
    DIM_VOLTAGE,
    DIM_CURRENT,
    DIM_RESISTANCE,
    DIM_CONDUCTIVITY,
    DIM_MASS,
    DIM_MASS_FLOW,
    DIM_DENSITY,
    DIM_SPEED,
    DIM_RATIO,
    DIM_TIME,
    DIM_ANGLE,
};

/* base = value * num / den + offset. Numerator and denominator apart, so that the ratio of two units is
 * rounded once only. */
struct unit {
    const char *name;
    enum dimension dimension;
    double num;
    double den;
    double offset;
};

static const struct unit units[] = {
    {"m", DIM_LENGTH, 1, 1, 0},
    {"km", DIM_LENGTH, 1000, 1, 0},
    {"dm", DIM_LENGTH, 1, 10, 0},
    {"cm", DIM_LENGTH, 1, 100, 0},
    {"mm", DIM_LENGTH, 1, 1000, 0},
    {"um", DIM_LENGTH, 1, 1e6, 0},
    {"µm", DIM_LENGTH, 1, 1e6, 0},
    {"in", DIM_LENGTH, 254, 10000, 0},
    {"ft", DIM_LENGTH, 3048, 10000, 0},

    {"m2", DIM_AREA, 1, 1, 0},
    {"m²", DIM_AREA, 1, 1, 0},
    {"cm2", DIM_AREA, 1, 1e4, 0},
    {"cm²", DIM_AREA, 1, 1e4, 0},
    {"mm2", DIM_AREA, 1, 1e6, 0},
    {"mm²", DIM_AREA, 1, 1e6, 0},
    {"km2", DIM_AREA, 1e6, 1, 0},
    {"km²", DIM_AREA, 1e6, 1, 0},
    {"ha", DIM_AREA, 1e4, 1, 0},

    {"m3", DIM_VOLUME, 1, 1, 0},
    {"m³", DIM_VOLUME, 1, 1, 0},
    {"l", DIM_VOLUME, 1, 1000, 0},
    {"L", DIM_VOLUME, 1, 1000, 0},
    {"hl", DIM_VOLUME, 1, 10, 0},
    {"dl", DIM_VOLUME, 1, 1e4, 0},
    {"cl", DIM_VOLUME, 1, 1e5, 0},
    {"ml", DIM_VOLUME, 1, 1e6, 0},
    {"mL", DIM_VOLUME, 1, 1e6, 0},
    {"dm3", DIM_VOLUME, 1, 1000, 0},
    {"cm3", DIM_VOLUME, 1, 1e6, 0},
    {"Ml", DIM_VOLUME, 1000, 1, 0},
    {"ML", DIM_VOLUME, 1000, 1, 0},

    {"m3/s", DIM_FLOW, 1, 1, 0},
    {"m³/s", DIM_FLOW, 1, 1, 0},
    {"m3/min", DIM_FLOW, 1, 60, 0},
    {"m³/min", DIM_FLOW, 1, 60, 0},
    {"m3/h", DIM_FLOW, 1, 3600, 0},
    {"m³/h", DIM_FLOW, 1, 3600, 0},
    {"m3/d", DIM_FLOW, 1, 86400, 0},
    {"m³/d", DIM_FLOW, 1, 86400, 0},
    {"l/s", DIM_FLOW, 1, 1000, 0},
    {"L/s", DIM_FLOW, 1, 1000, 0},
    {"l/min", DIM_FLOW, 1, 60000, 0},
    {"L/min", DIM_FLOW, 1, 60000, 0},
    {"l/h", DIM_FLOW, 1, 3.6e6, 0},
    {"L/h", DIM_FLOW, 1, 3.6e6, 0},
    {"l/d", DIM_FLOW, 1, 8.64e7, 0},
    {"ml/s", DIM_FLOW, 1, 1e6, 0},
    {"ml/min", DIM_FLOW, 1, 6e7, 0},
    {"ml/h", DIM_FLOW, 1, 3.6e9, 0},
    {"Ml/d", DIM_FLOW, 1000, 86400, 0},
    {"ML/d", DIM_FLOW, 1000, 86400, 0},

    {"Pa", DIM_PRESSURE, 1, 1, 0},
    {"hPa", DIM_PRESSURE, 100, 1, 0},
    {"kPa", DIM_PRESSURE, 1000, 1, 0},
    {"MPa", DIM_PRESSURE, 1e6, 1, 0},
    {"bar", DIM_PRESSURE, 1e5, 1, 0},
    {"mbar", DIM_PRESSURE, 100, 1, 0},
    {"mH2O", DIM_PRESSURE, 980665, 100, 0},
    {"mWS", DIM_PRESSURE, 980665, 100, 0},
    {"cmH2O", DIM_PRESSURE, 980665, 10000, 0},
    {"mmH2O", DIM_PRESSURE, 980665, 100000, 0},
    {"atm", DIM_PRESSURE, 101325, 1, 0},
    {"psi", DIM_PRESSURE, 6894.757293168361, 1, 0},

    {"K", DIM_TEMPERATURE, 1, 1, 0},
    {"degC", DIM_TEMPERATURE, 1, 1, 273.15},
    {"°C", DIM_TEMPERATURE, 1, 1, 273.15},
    {"℃", DIM_TEMPERATURE, 1, 1, 273.15},
    {"degF", DIM_TEMPERATURE, 5, 9, 459.67 * 5 / 9},
    {"°F", DIM_TEMPERATURE, 5, 9, 459.67 * 5 / 9},

    {"W", DIM_POWER, 1, 1, 0},
    {"mW", DIM_POWER, 1, 1000, 0},
    {"kW", DIM_POWER, 1000, 1, 0},
    {"MW", DIM_POWER, 1e6, 1, 0},
    {"GW", DIM_POWER, 1e9, 1, 0},
    {"VA", DIM_APPARENT_POWER, 1, 1, 0},
    {"kVA", DIM_APPARENT_POWER, 1000, 1, 0},
    {"MVA", DIM_APPARENT_POWER, 1e6, 1, 0},
    {"var", DIM_REACTIVE_POWER, 1, 1, 0},
    {"kvar", DIM_REACTIVE_POWER, 1000, 1, 0},
    {"Mvar", DIM_REACTIVE_POWER, 1e6, 1, 0},

    {"J", DIM_ENERGY, 1, 1, 0},
    {"kJ", DIM_ENERGY, 1000, 1, 0},
    {"MJ", DIM_ENERGY, 1e6, 1, 0},
    {"GJ", DIM_ENERGY, 1e9, 1, 0},
    {"Ws", DIM_ENERGY, 1, 1, 0},
    {"Wh", DIM_ENERGY, 3600, 1, 0},
    {"kWh", DIM_ENERGY, 3.6e6, 1, 0},
    {"MWh", DIM_ENERGY, 3.6e9, 1, 0},
    {"GWh", DIM_ENERGY, 3.6e12, 1, 0},

    {"Hz", DIM_FREQUENCY, 1, 1, 0},
    {"mHz", DIM_FREQUENCY, 1, 1000, 0},
    {"kHz", DIM_FREQUENCY, 1000, 1, 0},
    {"MHz", DIM_FREQUENCY, 1e6, 1, 0},
    {"rpm", DIM_FREQUENCY, 1, 60, 0},

    {"V", DIM_VOLTAGE, 1, 1, 0},
    {"mV", DIM_VOLTAGE, 1, 1000, 0},
    {"kV", DIM_VOLTAGE, 1000, 1, 0},
    {"A", DIM_CURRENT, 1, 1, 0},
    {"mA", DIM_CURRENT, 1, 1000, 0},
    {"uA", DIM_CURRENT, 1, 1e6, 0},
    {"µA", DIM_CURRENT, 1, 1e6, 0},
    {"kA", DIM_CURRENT, 1000, 1, 0},
    {"Ohm", DIM_RESISTANCE, 1, 1, 0},
    {"Ω", DIM_RESISTANCE, 1, 1, 0},
    {"kOhm", DIM_RESISTANCE, 1000, 1, 0},
    {"kΩ", DIM_RESISTANCE, 1000, 1, 0},
    {"MOhm", DIM_RESISTANCE, 1e6, 1, 0},
    {"MΩ", DIM_RESISTANCE, 1e6, 1, 0},
    {"S/m", DIM_CONDUCTIVITY, 1, 1, 0},
    {"mS/cm", DIM_CONDUCTIVITY, 1, 10, 0},
    {"uS/cm", DIM_CONDUCTIVITY, 1, 1e4, 0},
    {"µS/cm", DIM_CONDUCTIVITY, 1, 1e4, 0},

    {"kg", DIM_MASS, 1, 1, 0},
    {"g", DIM_MASS, 1, 1000, 0},
    {"mg", DIM_MASS, 1, 1e6, 0},
    {"t", DIM_MASS, 1000, 1, 0},
    {"lb", DIM_MASS, 45359237, 1e8, 0},
    {"kg/s", DIM_MASS_FLOW, 1, 1, 0},
    {"kg/min", DIM_MASS_FLOW, 1, 60, 0},
    {"kg/h", DIM_MASS_FLOW, 1, 3600, 0},
    {"kg/d", DIM_MASS_FLOW, 1, 86400, 0},
    {"g/s", DIM_MASS_FLOW, 1, 1000, 0},
    {"g/min", DIM_MASS_FLOW, 1, 60000, 0},
    {"g/h", DIM_MASS_FLOW, 1, 3.6e6, 0},
    {"t/h", DIM_MASS_FLOW, 1000, 3600, 0},
    {"t/d", DIM_MASS_FLOW, 1000, 86400, 0},
    {"kg/m3", DIM_DENSITY, 1, 1, 0},
    {"kg/m³", DIM_DENSITY, 1, 1, 0},
    {"g/m3", DIM_DENSITY, 1, 1000, 0},
    {"g/m³", DIM_DENSITY, 1, 1000, 0},
    {"g/l", DIM_DENSITY, 1, 1, 0},
    {"g/L", DIM_DENSITY, 1, 1, 0},
    {"mg/l", DIM_DENSITY, 1, 1000, 0},
    {"mg/L", DIM_DENSITY, 1, 1000, 0},
    {"ug/l", DIM_DENSITY, 1, 1e6, 0},
    {"µg/l", DIM_DENSITY, 1, 1e6, 0},

    {"m/s", DIM_SPEED, 1, 1, 0},
    {"m/min", DIM_SPEED, 1, 60, 0},
    {"m/h", DIM_SPEED, 1, 3600, 0},
    {"km/h", DIM_SPEED, 1000, 3600, 0},
    {"cm/s", DIM_SPEED, 1, 100, 0},
    {"mm/s", DIM_SPEED, 1, 1000, 0},
    {"mm/h", DIM_SPEED, 1, 3.6e6, 0},
    {"mm/min", DIM_SPEED, 1, 60000, 0},

    {"1", DIM_RATIO, 1, 1, 0},
    {"%", DIM_RATIO, 1, 100, 0},
    {"‰", DIM_RATIO, 1, 1000, 0},
    {"ppm", DIM_RATIO, 1, 1e6, 0},
    {"ppb", DIM_RATIO, 1, 1e9, 0},

    {"s", DIM_TIME, 1, 1, 0},
    {"us", DIM_TIME, 1, 1e6, 0},
    {"µs", DIM_TIME, 1, 1e6, 0},
    {"ms", DIM_TIME, 1, 1000, 0},
    {"min", DIM_TIME, 60, 1, 0},
    {"h", DIM_TIME, 3600, 1, 0},
    {"d", DIM_TIME, 86400, 1, 0},

    {"rad", DIM_ANGLE, 1, 1, 0},
    {"deg", DIM_ANGLE, 3.14159265358979323846, 180, 0},
    {"°", DIM_ANGLE, 3.14159265358979323846, 180, 0},
};

static const struct unit *find(struct slice name) {
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (slice_is(name, units[i].name)) {
            return &units[i];
        }
    }
    return NULL;
}

bool unit_is_known(struct slice name) {
    return find(name) != NULL;
}

bool unit_convert(struct slice from, struct slice to, double *ret_scale, double *ret_offset) {
    if (slice_eq(from, to)) {
        *ret_scale = 1;
        *ret_offset = 0;
        return true;
    }
    const struct unit *a = find(from);
    const struct unit *b = find(to);
    if (a == NULL || b == NULL || a->dimension != b->dimension) {
        return false;
    }
    *ret_scale = (a->num * b->den) / (a->den * b->num);
    *ret_offset = (a->offset - b->offset) * b->den / b->num;
    return true;
}
