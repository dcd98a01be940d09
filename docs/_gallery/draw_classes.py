"""
Decision regions, calibration, the network
==========================================

Two inputs, two classes of which every tenth is drawn by lot, so that no model can be certain.
"""

from pictures import noisy_wave, wave_model

from fastnn import plot

x, y = noisy_wave(400, seed=0)
model = wave_model(x, y)
plot.decision_regions(model, x, y)

# %%
# On rows that the model has not seen: of those that it gives 0.8, are eight in ten a yes?

unseen, truth = noisy_wave(4000, seed=1)
plot.calibration(truth, model.predict(unseen))

# %%
# The weights of a small network: blue lines are positive ones, orange lines negative ones.

plot.network(model)
