use crate::api::vault::slots::Slot;

/// Gives each slot of a list to whichever of the list's records it belongs to; what belongs to none is left out.
pub(super) fn hand_out<T>(slots: Vec<Slot>, to: &mut [T], owns: fn(&T, &Slot) -> bool, keep: fn(&mut T, Slot)) {
    let mut place = 0;
    for slot in slots {
        let is_its = |owner: &T| owns(owner, &slot);
        // Mostly the slots of one record come after another.
        if !to.get(place).is_some_and(is_its) {
            match to.iter().position(is_its) {
                Some(its) => place = its,
                None => continue,
            }
        }
        if let Some(owner) = to.get_mut(place) {
            keep(owner, slot);
        }
    }
}
