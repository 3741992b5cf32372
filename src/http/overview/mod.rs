//! `/api/overview`: everything that an operator watches, in one answer, and how full the pool was in the past hour.
//!
//! | room | what lives there |
//! | --- | --- |
//! | here | the routes |
//! | `view` | the answer's form |
//! | `figures` | from counts, terms and sales to that form; pure |
//! | `lookout` | asks the rooms of the node, and waits for none of them for long |
//! | `watchtower` | looks for all who read the stream, and keeps the history |

mod figures;
mod lookout;
mod view;
mod watchtower;

use actix_web::{HttpRequest, HttpResponse, web};

use super::auth::CanRead;
use super::openapi::problems::{KEY, PARAMETERS, problems};
use super::problem::Problem;
use super::request;
use super::state::AppState;

pub(super) use figures::{Figures, two_decimals};
pub(super) use lookout::Lookout;
pub use lookout::{ProviderKind, Vantage};
pub(super) use view::LedgerModeView;
use view::{HistoryView, Overview};
pub(super) use watchtower::{Publication, Watchtower};

problems!(
    /// Why the overview is not shown.
    NotShown: KEY, PARAMETERS
);

/// Show everything that an operator watches.
#[utoipa::path(
    get,
    path = "/api/overview",
    tag = "Watching",
    operation_id = "getOverview",
    description = "What is not known is null. The event stream tells it too, with `overview=true`.",
    responses((status = 200, description = "As it is now.", body = Overview), NotShown),
    security(("apiKey" = ["read"])),
)]
pub(super) async fn get(request: HttpRequest, _: CanRead, state: web::Data<AppState>) -> Result<HttpResponse, Problem> {
    request::query(&request, &[])?;
    Ok(HttpResponse::Ok().json(state.watchtower.lookout().look().await))
}

/// Show how full the pool was in the past hour.
#[utoipa::path(
    get,
    path = "/api/overview/history",
    tag = "Watching",
    operation_id = "getOverviewHistory",
    description = "By this replica, which forgets it when it ends.",
    responses((status = 200, description = "The samples, oldest first.", body = HistoryView), NotShown),
    security(("apiKey" = ["read"])),
)]
pub(super) async fn history(
    request: HttpRequest,
    _: CanRead,
    state: web::Data<AppState>,
) -> Result<HttpResponse, Problem> {
    request::query(&request, &[])?;
    Ok(HttpResponse::Ok().json(state.watchtower.history()))
}
