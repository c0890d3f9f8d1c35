#include <math.h>
#include <stdint.h>

static double normal_cdf(double x) { return 0.5 * (1.0 + erf(x / sqrt(2.0))); }

double black_scholes(const double *spots, const double *strikes, const double *years, int64_t count, double rate,
                     double volatility) {
    double total = 0.0;
    for (int64_t i = 0; i < count; i++) {
        double spot = spots[i], strike = strikes[i], time = years[i];
        double spread = volatility * sqrt(time);
        double d1 = (log(spot / strike) + (rate + 0.5 * volatility * volatility) * time) / spread;
        double d2 = d1 - spread, discounted = strike * exp(-rate * time);
        double call = spot * normal_cdf(d1) - discounted * normal_cdf(d2);
        double put = discounted * normal_cdf(-d2) - spot * normal_cdf(-d1);
        total += call + put;
    }
    return total;
}
